//! `headwater stub`: other people's systems on this machine, with faults that can be switched on.

use clap::{Args, Subcommand};

use crate::{
    local_server::LocalServer,
    out,
    stack::{forecast_api, layout::Layout, record::LocalStack},
    stub::{
        faults::{CityFault, Faults},
        forecast::ForecastStub,
    },
};

/// Arguments of `headwater stub`.
#[derive(Debug, Args)]
pub(crate) struct StubArgs {
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// Answer like the weather source's API, until Ctrl-C
    #[command(after_help = "\
`headwater up` runs one for its stack; `headwater stub faults` switches the faults of that one.

Examples:
  headwater stub forecast --port 8072
  headwater stub forecast --fault 3477=500 --fault '*=429:2'
  curl 'http://127.0.0.1:8072/api/v1/forecast/locale/3477/hours/72?token=any'")]
    Forecast {
        /// Port on this machine; 0 takes a free one
        #[arg(long, value_name = "PORT", default_value = "8072")]
        port: u16,
        /// A fault: 429, 500, slow, empty, shape, cut or html. `:N` limits it to the next N requests. City `*` means every city
        #[arg(long = "fault", value_name = "CITY=FAULT[:N]")]
        faults: Vec<CityFault>,
    },
    /// Switch the faults of the running stack's weather API
    #[command(after_help = "\
Replaces all faults with the ones that you name. Without arguments, all faults are removed.

Examples:
  headwater stub faults 3477=500              this city fails
  headwater stub faults '*=429:3'             the next three requests are refused
  headwater stub faults                       no faults")]
    Faults {
        /// A fault: 429, 500, slow, empty, shape, cut or html. `:N` limits it to the next N requests. City `*` means every city
        #[arg(value_name = "CITY=FAULT[:N]")]
        faults: Vec<CityFault>,
    },
}

/// Runs the stub, or changes that of the stack.
pub(crate) async fn run(layout: &Layout, args: &StubArgs) -> anyhow::Result<()> {
    match &args.which {
        Which::Forecast { port, faults } => serve(*port, faults.iter().cloned().collect()).await,
        Which::Faults { faults } => {
            let faults: Faults = faults.iter().cloned().collect();
            forecast_api::set_faults(&LocalStack::load(layout)?, &faults).await
        }
    }
}

async fn serve(port: u16, faults: Faults) -> anyhow::Result<()> {
    let server = LocalServer::open(port).await?;
    out::line(format!("http://{}", server.address));
    ForecastStub::new(faults).serve(server).await
}
