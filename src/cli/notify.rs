//! `signoff notify`: channels of notifications, and their deliveries.

use tonic::Status;
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::{
    connection::{AdminClient, ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    retry::repeat,
    rows::{PAGE, View},
    server_time::ServerTime,
    table::{Cell, Column, Table},
    text::escape,
};
use crate::proto::v1::{
    Delivery, ListChannelsRequest, ListDeliveriesRequest, NotificationChannel, RetryDeliveryRequest, TestChannelRequest,
};

/// The subcommands of `signoff notify`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum NotifyCommand {
    /// List channels: their state, and what waits for them
    Channels,
    /// List deliveries that wait or are dead
    Deliveries(DeliveriesArgs),
    /// Retry dead deliveries
    Retry(RetryArgs),
    /// Send a test message to a channel, and print the receiver's answer
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct DeliveriesArgs {
    /// Show only deliveries to this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// Show only deliveries about this approval
    #[arg(long, value_name = "APPROVAL_ID")]
    approval: Option<String>,
    /// Show only dead deliveries
    #[arg(long)]
    dead: bool,
    /// Maximum number of deliveries to print
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

#[derive(Debug, clap::Args)]
pub(super) struct RetryArgs {
    /// Ids of the deliveries
    #[arg(value_name = "DELIVERY_ID", required_unless_present = "all_dead", conflicts_with = "all_dead")]
    ids: Vec<String>,
    /// Retry every dead delivery of a channel
    #[arg(long, requires = "channel")]
    all_dead: bool,
    /// Channel whose dead deliveries to retry
    #[arg(long, value_name = "NAME", requires = "all_dead")]
    channel: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// Name of the channel
    #[arg(value_name = "CHANNEL")]
    channel: String,
}

pub(super) async fn run(
    command: NotifyCommand,
    connection: &ConnectionArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let mut client = connection.admin().await?;
    match command {
        NotifyCommand::Channels => channels(&mut client, console).await,
        NotifyCommand::Deliveries(args) => deliveries(args, &mut client, console).await,
        NotifyCommand::Retry(args) => retry(args, &mut client, console).await,
        NotifyCommand::Test(args) => test(args, &mut client, console).await,
    }
}

async fn channels(client: &mut AdminClient, console: &mut Console) -> Result<(), Failure> {
    let answer = client.list_channels(unary(ListChannelsRequest {})).await?;
    let now = ServerTime::of(&answer).now();
    let channels = answer.into_inner().channels;
    if console.json {
        return Ok(channels.iter().try_for_each(|channel| console.message(channel))?);
    }
    if channels.is_empty() {
        return Ok(console.note("no channels are configured")?);
    }
    Ok(console.table(&channel_table(&channels, View { terminal: console.out_width.is_some(), now }))?)
}

async fn deliveries(args: DeliveriesArgs, client: &mut AdminClient, console: &mut Console) -> Result<(), Failure> {
    let DeliveriesArgs { channel, approval, dead, limit } = args;
    let first = ListDeliveriesRequest {
        channel: channel.unwrap_or_default(),
        approval_id: approval.unwrap_or_default(),
        dead_only: dead,
        ..ListDeliveriesRequest::default()
    };
    let (deliveries, more, time) = read(client, first, limit).await?;
    if console.json {
        return Ok(deliveries.iter().try_for_each(|delivery| console.message(delivery))?);
    }
    if deliveries.is_empty() {
        return Ok(console.note(if dead { "no dead deliveries" } else { "no deliveries wait" })?);
    }
    console.table(&delivery_table(&deliveries, View { terminal: console.out_width.is_some(), now: time.now() }))?;
    if more {
        console.note(&format!("there are more; raise --limit ({limit})"))?;
    }
    Ok(())
}

/// At most `limit` deliveries, whether there are more, and the server's time.
async fn read(
    client: &mut AdminClient,
    mut request: ListDeliveriesRequest,
    limit: u32,
) -> Result<(Vec<Delivery>, bool, ServerTime), Failure> {
    let (mut deliveries, mut left) = (Vec::new(), limit);
    loop {
        request.page_size = i32::try_from(left.min(PAGE)).unwrap_or(i32::MAX);
        let answer = client.list_deliveries(unary(request.clone())).await?;
        let time = ServerTime::of(&answer);
        let page = answer.into_inner();
        left = left.saturating_sub(u32::try_from(page.deliveries.len()).unwrap_or(u32::MAX));
        deliveries.extend(page.deliveries);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || left == 0 {
            return Ok((deliveries, !request.page_token.is_empty(), time));
        }
    }
}

async fn retry(args: RetryArgs, client: &mut AdminClient, console: &mut Console) -> Result<(), Failure> {
    let all_dead = args.all_dead;
    let ids = match args.channel {
        // Read as a whole first: a retried delivery can be dead again before the next page is read.
        Some(channel) => {
            let dead = ListDeliveriesRequest { channel, dead_only: true, ..ListDeliveriesRequest::default() };
            let (deliveries, ..) = read(client, dead, u32::MAX).await?;
            deliveries.into_iter().map(|delivery| delivery.id).collect()
        }
        None => args.ids,
    };
    if ids.is_empty() && !console.json {
        return Ok(console.note("no dead deliveries")?);
    }
    for delivery_id in ids {
        let request = RetryDeliveryRequest { request_id: Uuid::new_v4().to_string(), delivery_id };
        let response = match repeat(async || client.retry_delivery(unary(request.clone())).await).await {
            // Somebody else retried it, and it was sent; or its approval was forgotten.
            Err(status) if all_dead && is_gone(&status) => continue,
            answer => answer?.into_inner(),
        };
        if console.json {
            console.message(&response)?;
            continue;
        }
        let delivery = response.delivery.ok_or(Failure::Protocol("no delivery"))?;
        console.line(&format!("retrying: {}", escape(&delivery.id)))?;
    }
    Ok(())
}

/// Whether there is no such delivery.
fn is_gone(status: &Status) -> bool {
    status.get_error_details().error_info().is_some_and(|info| info.reason == "DELIVERY_NOT_FOUND")
}

async fn test(args: TestArgs, client: &mut AdminClient, console: &mut Console) -> Result<(), Failure> {
    let channel = args.channel;
    // Not repeated: each call sends a message.
    let response = client.test_channel(unary(TestChannelRequest { channel: channel.clone() })).await?.into_inner();
    if console.json {
        console.message(&response)?;
    }
    let answer = escape(&response.answer);
    if !response.accepted {
        return Err(Failure::Stopped(format!("{} did not accept the test message: {answer}", escape(&channel))));
    }
    if !console.json {
        console.line(&format!("{} accepted the test message: {answer}", escape(&channel)))?;
    }
    Ok(())
}

fn channel_table(channels: &[NotificationChannel], view: View) -> Table {
    let mut table = Table::new(&[
        Column::whole("CHANNEL"),
        Column::whole("KIND"),
        Column::at_least(8, "STATE"),
        Column::whole("WAITING"),
        Column::whole("DEAD"),
        Column::whole(view.header("DUE AGO", "OLDEST DUE")),
        Column::at_least(12, "EVENTS"),
        Column::detail(24, "ERROR"),
    ]);
    for channel in channels {
        let (state, error) = state(channel);
        let due = match &channel.oldest_since_time {
            Some(due) => view.ago(Some(due)),
            None => Cell::default(),
        };
        let events: Vec<_> =
            channel.events.iter().map(|kind| describe::notification_kind(*kind).to_lowercase()).collect();
        table.row([
            escape(&channel.name).into(),
            escape(&channel.kind).into(),
            state.to_owned().into(),
            channel.waiting_count.to_string().into(),
            channel.dead_count.to_string().into(),
            due,
            events.join(", ").into(),
            escape(error).into(),
        ]);
    }
    table
}

/// How a channel does, and why.
fn state(channel: &NotificationChannel) -> (&'static str, &str) {
    let time = |time: &Option<prost_types::Timestamp>| time.as_ref().map(|time| (time.seconds, time.nanos));
    let (sent, failed) = (time(&channel.last_success_time), time(&channel.last_failure_time));
    if channel.kind.is_empty() {
        ("NOT CONFIGURED", "")
    } else if !channel.disabled_reason.is_empty() {
        ("DISABLED", &channel.disabled_reason)
    } else if failed > sent {
        ("FAILING", &channel.last_error)
    } else if sent.is_some() {
        ("WORKS", "")
    } else {
        ("UNUSED", "")
    }
}

fn delivery_table(deliveries: &[Delivery], view: View) -> Table {
    let mut table = Table::new(&[
        // Whole: `signoff notify retry` takes it.
        Column::whole("ID"),
        Column::whole("EVENT"),
        Column::whole("STATE"),
        Column::whole("ATTEMPTS"),
        Column::whole(view.header("AGE", "SINCE")),
        Column::whole(view.header("NEXT IN", "NEXT ATTEMPT")),
        Column::detail(24, "ERROR"),
    ]);
    for delivery in deliveries {
        let next = match &delivery.next_attempt_time {
            Some(next) => view.until(Some(next)),
            None => Cell::default(),
        };
        table.row([
            escape(&delivery.id).into(),
            describe::notification_kind(delivery.kind).into(),
            describe::delivery_state(delivery.state).into(),
            delivery.attempts.to_string().into(),
            view.ago(delivery.create_time.as_ref()),
            next,
            escape(&delivery.last_error).into(),
        ]);
    }
    table
}
