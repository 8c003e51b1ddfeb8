//! `posthorn queue …`

use std::path::Path;

use clap::Subcommand;

use super::output::size;
use super::{Failure, Listing, Output, request};
use crate::admin::{QueueChange, QueueFilter, QueueRow, Request, Response};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List what waits.
    List {
        #[command(flatten)]
        filter: Filter,
        /// At most so many messages.
        #[arg(long, default_value_t = 1000)]
        limit: usize,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show one message with each of its recipients.
    Show {
        /// Its number.
        id: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Say what happened to a message, or to those from or to an address, and when.
    Trace {
        /// The number of a message, in the queue or in the reply that took it; its Message-ID; or
        /// an address.
        of: String,
        /// Look so many days back for a Message-ID or an address, not as far as can be.
        #[arg(long)]
        days: Option<u32>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Try now.
    Retry(Selection),
    /// Keep messages from going on until they are released.
    Hold(Selection),
    /// Let held messages go on.
    Release(Selection),
    /// Remove messages; nobody is told.
    Remove(Selection),
    /// Count what waits.
    Stats(Listing),
    /// Show what waits for each destination, its connections, and what holds it up.
    Destinations {
        /// At most so many, those with most first.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        listing: Listing,
    },
}

/// Which messages: those to which all of this applies.
#[derive(clap::Args)]
pub(super) struct Filter {
    /// From this address; "" for reports.
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// To this address.
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<String>,
    /// To this domain.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Held ones only.
    #[arg(long)]
    held: bool,
    /// Only those that are to be sent later.
    #[arg(long)]
    scheduled: bool,
}

/// What is changed: one message, those of a filter, or all.
#[derive(clap::Args)]
pub(super) struct Selection {
    /// The number of a message.
    #[arg(required_unless_present_any = ["sender", "recipient", "domain", "held", "scheduled", "all"])]
    id: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// Everything there is.
    #[arg(long, conflicts_with_all = ["id", "sender", "recipient", "domain", "held", "scheduled"])]
    all: bool,
}

impl Filter {
    fn with(self, id: Option<String>) -> QueueFilter {
        QueueFilter {
            id,
            sender: self.sender,
            recipient: self.recipient,
            domain: self.domain,
            held: self.held.then_some(true),
            scheduled: self.scheduled,
        }
    }
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::List { filter, limit, listing } => {
            let rows = list(config, filter.with(None), limit)?;
            if listing.json {
                return output.json(&rows);
            }
            print_list(rows, output)
        }
        Command::Show { id, listing } => {
            let filter = QueueFilter { id: Some(id.clone()), ..QueueFilter::default() };
            let mut rows = list(config, filter, 1)?;
            let row = rows.pop().ok_or_else(|| {
                Failure::new(format!("{id}: no such message waits; queue trace may know of it"))
            })?;
            if listing.json {
                return output.json(&row);
            }
            print_message(&row, output)
        }
        Command::Trace { of, days, listing } => {
            trace(config, Request::QueueTrace { of, days }, listing, output)
        }
        Command::Retry(selection) => change(config, QueueChange::Retry, selection, output),
        Command::Hold(selection) => change(config, QueueChange::Hold, selection, output),
        Command::Release(selection) => change(config, QueueChange::Release, selection, output),
        Command::Remove(selection) => change(config, QueueChange::Remove, selection, output),
        Command::Stats(listing) => stats(config, listing, output),
        Command::Destinations { limit, listing } => destinations(config, limit, listing, output),
    }
}

fn list(config: &Path, filter: QueueFilter, limit: usize) -> Result<Vec<QueueRow>, Failure> {
    match request(config, Request::QueueList { filter, limit })? {
        Response::Queue(rows) => Ok(rows),
        _ => Err(Failure::unexpected()),
    }
}

fn print_list(rows: Vec<QueueRow>, output: &mut Output) -> Result<(), Failure> {
    let rows = rows.into_iter().flat_map(|row| {
        let (id, sender) = (row.id.to_string(), sender(&row.sender));
        let bytes = size(row.size_bytes);
        row.recipients.into_iter().map(move |recipient| {
            let attempts = recipient.attempts.to_string();
            let next = recipient.next_attempt;
            let (to, state) = (recipient.recipient, recipient.state);
            // Where it waits untried it has none of its own.
            let answer = recipient.domain_answer.unwrap_or(recipient.answer);
            [id.clone(), bytes.clone(), sender.clone(), to, state, attempts, next, answer]
        })
    });
    let headings =
        ["id", "size", "sender", "recipient", "state", "attempts", "next attempt", "last answer"];
    output.table(headings, rows)
}

fn print_message(row: &QueueRow, output: &mut Output) -> Result<(), Failure> {
    output.line(&format!("id        {}", row.id))?;
    output.line(&format!("sender    {}", sender(&row.sender)))?;
    output.line(&format!("accepted  {}", row.accepted))?;
    if let Some(at) = &row.scheduled {
        output.line(&format!("send at   {at}"))?;
    }
    if let Some(at) = &row.deadline {
        output.line(&format!("deadline  {at}"))?;
    }
    output.line(&format!("urgency   {}", row.urgency))?;
    output.line(&format!("size      {}", size(row.size_bytes)))?;
    for recipient in &row.recipients {
        output.line("")?;
        output.line(&format!("recipient     {}", recipient.recipient))?;
        output.line(&format!("state         {}", recipient.state))?;
        output.line(&format!("attempts      {}", recipient.attempts))?;
        output.line(&format!("next attempt  {}", recipient.next_attempt))?;
        if let Some(last) = &recipient.last_attempt {
            output.line(&format!("last attempt  {last}"))?;
            output.line(&format!("last answer   {}", recipient.answer))?;
        }
        if let Some(answer) = &recipient.domain_answer {
            output.line(&format!("domain        {answer}"))?;
        }
    }
    Ok(())
}

fn trace(
    config: &Path,
    asked: Request,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let Response::QueueTrace(rows) = request(config, asked)? else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&rows);
    }
    let rows = rows.into_iter().map(|row| {
        let (sender, came) = (sender(&row.sender), row.came);
        let id = match (&came, row.id) {
            (Some(came), _) => came.message.clone(),
            (None, id) => id.map_or_else(String::new, |id| id.to_string()),
        };
        let from = came.map_or_else(String::new, |came| match came.user {
            Some(user) => format!("{} {} {user}", came.protocol, came.peer),
            None => format!("{} {}", came.protocol, came.peer),
        });
        [row.at, id, row.event, sender, row.recipient, row.answer, from]
    });
    output.table(["at", "id", "event", "sender", "recipient", "answer", "from"], rows)
}

fn change(
    config: &Path,
    change: QueueChange,
    selection: Selection,
    output: &mut Output,
) -> Result<(), Failure> {
    let filter = selection.filter.with(selection.id);
    match request(config, Request::QueueChange { change, filter })? {
        Response::QueueChanged(1) => output.line("1 recipient"),
        Response::QueueChanged(count) => output.line(&format!("{count} recipients")),
        _ => Err(Failure::unexpected()),
    }
}

fn stats(config: &Path, listing: Listing, output: &mut Output) -> Result<(), Failure> {
    let Response::QueueTotals(totals) = request(config, Request::QueueTotals)? else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&totals);
    }
    output.line(&format!("messages   {}", totals.messages))?;
    output.line(&format!("waiting    {}", totals.fresh))?;
    output.line(&format!("scheduled  {}", totals.scheduled))?;
    output.line(&format!("active     {}", totals.active))?;
    output.line(&format!("deferred   {}", totals.deferred))?;
    output.line(&format!("held       {}", totals.held))?;
    match &totals.oldest {
        Some(oldest) => output.line(&format!("oldest     {oldest}")),
        None => Ok(()),
    }
}

fn destinations(
    config: &Path,
    limit: usize,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let answer = request(config, Request::QueueDestinations { limit })?;
    let Response::QueueDestinations(rows) = answer else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&rows);
    }
    let number = |number: Option<u64>| number.map_or_else(String::new, |it| it.to_string());
    let rows = rows.into_iter().map(|row| {
        let connections = match (row.connections, row.connections_allowed) {
            (Some(open), Some(allowed)) => format!("{open} of {allowed}"),
            _ => String::new(),
        };
        let until = row.left_alone_until.or(row.next_message).unwrap_or_default();
        [
            row.destination,
            row.waiting.to_string(),
            row.due.unwrap_or_default(),
            connections,
            number(row.failures),
            row.limit.unwrap_or_default(),
            until,
            row.answer.unwrap_or_default(),
        ]
    });
    let [name, waiting, due, connections] = ["destination", "waiting", "due", "connections"];
    let [failures, limit, until, answer] = ["failures", "held up by", "until", "last answer"];
    output.table([name, waiting, due, connections, failures, limit, until, answer], rows)
}

fn sender(path: &str) -> String {
    if path.is_empty() { "<>".to_owned() } else { path.to_owned() }
}
