# Sourced by scripts that run Spark: installs pyspark, the packages of the tests in emr/, and Delta's jars.
# shellcheck shell=bash

# spark_tools TOOLS: exports HEADWATER_SPARK_PYTHON and HEADWATER_SPARK_JARS. Installs once, and again if a list
# changes.
spark_tools() {
  local folder=$1/forecast
  local lists=(emr/forecast_72/requirements.txt emr/forecast_72/requirements-test.txt localstack/emulator/requirements.txt
    localstack/spark/pom.xml)
  export HEADWATER_SPARK_PYTHON=$folder/bin/python HEADWATER_SPARK_JARS=$folder/jars
  if cat "${lists[@]}" | cmp -s - "$folder/installed"; then return; fi
  for program in java mvn; do
    if ! command -v "$program" >/dev/null; then
      echo "error: $program is missing (Spark needs it)" >&2
      echo "fix: install it (Debian/Ubuntu: apt-get install openjdk-17-jre-headless maven; macOS: brew install openjdk maven)" >&2
      return 1
    fi
  done
  echo "installing Spark into $folder (about 320 MB from PyPI, only the first time)" >&2
  python3 -m venv --clear "$folder"
  "$HEADWATER_SPARK_PYTHON" -m pip install --quiet --disable-pip-version-check -r emr/forecast_72/requirements-test.txt
  mvn -B -q -f localstack/spark/pom.xml dependency:copy-dependencies -DincludeScope=runtime \
    "-DoutputDirectory=$HEADWATER_SPARK_JARS" >&2
  cat "${lists[@]}" >"$folder/installed"
}
