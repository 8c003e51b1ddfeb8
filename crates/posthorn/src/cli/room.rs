//! `posthorn room …` (R-CAL-4)

use std::path::Path;

use clap::Subcommand;

use super::{Failure, Listing, Output, perform, request};
use crate::admin::{Request, Response};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a room: an address that is invited to be booked, accepts where it is free and declines
    /// where it is not.
    Add {
        /// Its address, on a domain of this server.
        address: String,
        /// What people call it.
        #[arg(long, default_value = "")]
        name: String,
    },
    /// List the rooms.
    List {
        #[command(flatten)]
        listing: Listing,
    },
    /// Remove a room with its bookings.
    Remove {
        /// Its address.
        address: String,
    },
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Add { address, name } => perform(config, Request::RoomAdd { address, name }),
        Command::Remove { address } => perform(config, Request::RoomRemove { address }),
        Command::List { listing } => list(config, listing, output),
    }
}

fn list(config: &Path, listing: Listing, output: &mut Output) -> Result<(), Failure> {
    let Response::Accounts(rooms) = request(config, Request::RoomList)? else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&rooms);
    }
    output.table(["address", "name"], rooms.into_iter().map(|row| [row.address, row.name]))
}
