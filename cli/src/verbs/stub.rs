//! `headwater stub`: a stand-in for the weather source on this machine, which can produce faults.
//!
//! With it, the weather lane can be tried without an account at the source, and with answers that the source gives only
//! rarely.

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
    /// Answer like the weather source's API until Ctrl-C
    #[command(after_help = "\
Use it to try a client of the API. The local stack does not need it: `headwater up` starts a stub of its own, and
`headwater stub faults` sets the faults of that one.

The faults: 429 and 500 are statuses. slow: the answer comes after one minute. empty: a forecast without hours. shape:
JSON that is not a forecast. cut: the connection breaks within the body. html: an HTML page with status 200.

Examples:
  headwater stub forecast --port 8072
  headwater stub forecast --fault 3477=500 --fault '*=429:2'
  curl 'http://127.0.0.1:8072/api/v1/forecast/locale/3477/hours/72?token=any'")]
    Forecast {
        /// Port on this machine; 0 takes a free one, and the address is printed
        #[arg(long, value_name = "PORT", default_value = "8072")]
        port: u16,
        /// FAULT is 429, 500, slow, empty, shape, cut or html. `:N` limits it to N requests. CITY `*` is every city
        #[arg(long = "fault", value_name = "CITY=FAULT[:N]")]
        faults: Vec<CityFault>,
    },
    /// Set the faults of the local stack's weather stub
    #[command(after_help = "\
Use it to see how the weather lane handles a bad answer: set a fault, then run `headwater forecast run`. Replaces all
faults with those that you name. Without arguments, removes all faults. `headwater stub forecast --help` explains them.

Examples:
  headwater stub faults 3477=500              every request for this city fails
  headwater stub faults '*=429:3'             the next three requests are refused
  headwater stub faults                       remove all faults")]
    Faults {
        /// FAULT is 429, 500, slow, empty, shape, cut or html. `:N` limits it to N requests. CITY `*` is every city
        #[arg(value_name = "CITY=FAULT[:N]")]
        faults: Vec<CityFault>,
    },
}

/// Runs a stub until Ctrl-C, or sets the faults of the stack's stub.
///
/// # Errors
/// The port is in use; or the local stack has no record, or its stub does not answer.
pub(crate) async fn run(layout: &Layout, args: &StubArgs) -> anyhow::Result<()> {
    match &args.which {
        Which::Forecast { port, faults } => serve(*port, faults.iter().cloned().collect()).await,
        Which::Faults { faults } => {
            let faults: Faults = faults.iter().cloned().collect();
            forecast_api::set_faults(&LocalStack::load(layout)?, &faults).await
        }
    }
}

/// Prints the address of the stub and serves it. Returns only on an error.
async fn serve(port: u16, faults: Faults) -> anyhow::Result<()> {
    let server = LocalServer::open(port).await?;
    out::line(format!("http://{}", server.address));
    ForecastStub::new(faults).serve(server).await
}
