//! From the command line to a node that runs.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use xcast_sec::ipsec::PolicyId;

use super::config::{self, Config, Role};
use super::host::Clock;
use super::keys::{self, Purpose};
use super::log;
use super::node;
use super::receiver::{ReceiverNode, Sad};
use super::router::RouterNode;
use super::sender::{OutboundStore, SenderNode};
use super::{code_points, sys};

const FAILED: u8 = 1;
const WRONG_ARGUMENT: u8 = 2;
const WRONG_CONFIGURATION: u8 = 3;

/// What policy knows the one protection of a node by.
const POLICY: PolicyId = PolicyId::new(1);

const HELP: &str = "\
A sender, receiver or router of Explicit Multicast (RFC 5058) on the interfaces of a Linux host.

Usage: xcast_node [--check] FILE

FILE is the configuration (format: below). --check reads it, says what is wrong with it, and goes no further; files that
it names are not looked at. SIGTERM and SIGINT end a node, SIGUSR1 has it tell its counters.

Exit status: 0 if a signal ended it; 1 if something failed; 2 on a wrong argument; 3 on a configuration that cannot be
used.
";

/// An exit status and a sentence for the user.
type Failure = (u8, String);

pub(crate) fn main() -> ExitCode {
    let status = match arguments(std::env::args_os().skip(1)) {
        Ok(Command::Help) => {
            // Not a log: it was asked for.
            print!("{HELP}\n{}\n{}\n{}", config::HELP, code_points::HELP, keys::HELP);
            0
        }
        Ok(Command::Run { file, only_check }) => match run(&file, only_check) {
            Ok(()) => 0,
            Err((status, what)) => {
                log::say(format_args!("error: {what}"));
                status
            }
        },
        Err(what) => {
            log::say(format_args!("error: {what}\nFor the options, use --help."));
            WRONG_ARGUMENT
        }
    };
    ExitCode::from(status)
}

enum Command {
    Help,
    Run { file: PathBuf, only_check: bool },
}

fn arguments(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let (mut file, mut only_check) = (None, false);
    for argument in arguments {
        match argument.to_str() {
            Some("-h" | "--help") => return Ok(Command::Help),
            Some("--check") => only_check = true,
            Some(text) if text.starts_with('-') => return Err(format!("unknown argument '{text}'")),
            _ if file.is_some() => return Err("one FILE at a time".into()),
            _ => file = Some(argument.into()),
        }
    }
    file.map(|file| Command::Run { file, only_check })
        .ok_or_else(|| "the name of a configuration file is missing".into())
}

fn run(file: &Path, only_check: bool) -> Result<(), Failure> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| (FAILED, format!("cannot read {name}: {error}")))?;
    let beside = file.parent().unwrap_or(Path::new(""));
    let config = config::parse(&text, beside).map_err(|error| (WRONG_CONFIGURATION, format!("{name}: {error}")))?;
    if only_check {
        return Ok(());
    }
    // Before anything else, so that no signal is lost.
    let signals = sys::signals().map_err(|error| (FAILED, format!("signals: {error}")))?;
    let clock = Clock::start();
    let failed = |what: String| (FAILED, what);
    let Config { code_points, role } = config;
    let ended = match role {
        Role::Router(config) => {
            let mut node = RouterNode::new(config, code_points, clock.now()).map_err(failed)?;
            log::say("router running");
            node::run(&mut node, &clock, signals)
        }
        Role::Receiver(config) => {
            let mut sad = match &config.keys {
                Some(path) => associations(path).map_err(failed)?,
                None => Box::default(),
            };
            let mut node = ReceiverNode::new(&config, code_points, POLICY, &mut sad).map_err(failed)?;
            log::say("receiver running");
            node::run(&mut node, &clock, signals)
        }
        Role::Sender(config) => {
            let mut sad = Box::<OutboundStore>::default();
            let mut node = SenderNode::new(config, code_points, POLICY, clock.now(), &mut sad).map_err(failed)?;
            log::say("sender running");
            node::run(&mut node, &clock, signals)
        }
    };
    ended.map_err(|error| failed(error.to_string()))
}

fn associations(path: &Path) -> Result<Box<Sad>, String> {
    let purpose = Purpose { policy: Some(POLICY), ..Purpose::default() };
    keys::from_file(path, |text| keys::parse(text, purpose)).map(|keys| keys.sad)
}
