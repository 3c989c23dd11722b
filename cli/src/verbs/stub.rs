//! `headwater stub`: other people's systems on this machine, with faults that can be switched on.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use tokio::net::TcpListener;

use crate::{
    failure::failure,
    out,
    stack::{forecast_api, layout::Layout, record::Stack},
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
        /// What goes wrong: 429, 500, slow, empty, shape, cut or html; `:N` for the next N requests only; city `*` for all
        #[arg(long = "fault", value_name = "CITY=FAULT[:N]")]
        faults: Vec<CityFault>,
    },
    /// Switch the faults of the running stack's weather API
    #[command(after_help = "\
Replaces all faults by those that are named; without any, everything is well again.

Examples:
  headwater stub faults 3477=500              this city fails
  headwater stub faults '*=429:3'             the next three requests are refused
  headwater stub faults                       all is well again")]
    Faults {
        /// 429, 500, slow, empty, shape, cut or html; `:N` for the next N requests only; city `*` for all
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
            forecast_api::set_faults(&Stack::load(layout)?, &faults)
        }
    }
}

async fn serve(port: u16, faults: Faults) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        failure(format!("cannot listen on port {port}: {error}"), "choose another one with --port PORT")
    })?;
    let address = listener.local_addr().context("the listener has no address")?;
    out::line(format!("http://{address}"));
    ForecastStub::new(faults).serve(listener).await
}
