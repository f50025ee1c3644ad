import type { Logger } from 'pino'
import type { Config } from '../config/schema.ts'
import { HealthMonitor } from '../health/health-monitor.ts'
import { probeServer } from '../health/probe.ts'
import type { LogFile } from '../observability/log-file.ts'
import { Scoreboard } from '../runtime/scoreboard.ts'
import { compile } from './compile.ts'
import { EventLog } from './event-log.ts'
import { KeptSessions, warningsOfSecrets } from './kept-sessions.ts'
import { SkewAlarm } from './skew-alarm.ts'
import { SlotBook } from './slot-book.ts'
import { SlotReclaimer } from './slot-reclaimer.ts'
import type { StateDirectory } from './state-directory.ts'
import { Supervisor } from './supervisor.ts'
import type { ServerState } from './upgrade/inheritance.ts'
import { continueServers, knownHealth } from './upgrade/server-states.ts'

/** The parts of a balancer. */
export interface Parts {
  readonly log: Logger
  readonly state: StateDirectory
  readonly accessLog: LogFile
  readonly slots: SlotBook
  readonly reclaimer: SlotReclaimer
  readonly scoreboard: Scoreboard
  readonly sessions: KeptSessions
  readonly health: HealthMonitor
  readonly skew: SkewAlarm
  readonly supervisor: Supervisor
}

/**
 * Makes the parts of a balancer for its first Snapshot, and connects each to the events that it needs; nothing runs
 * yet.
 *
 * @param known the servers of the process that this one replaces
 */
export async function assemble(
  config: Config,
  state: StateDirectory,
  accessLog: LogFile,
  log: Logger,
  known: readonly ServerState[] = [],
): Promise<Parts> {
  const slots = new SlotBook()
  const snapshot = compile(config, 1, slots, () => state.secret())
  slots.adopt(snapshot)
  for (const warning of warningsOfSecrets(config, state)) log.warn(warning)
  const sessions = new KeptSessions(config, state, log)
  await sessions.apply(config, snapshot)
  const scoreboard = new Scoreboard()
  const skew = new SkewAlarm(snapshot.upstreams, log)
  const events = new EventLog(log)
  const health = new HealthMonitor(
    snapshot.upstreams,
    scoreboard,
    {
      worse: (line) => log.warn(line),
      better: (line) => log.info(line),
      shortage: (code) => events.shortage(code),
    },
    probeServer,
    knownHealth(snapshot, known),
  )
  // After the monitor, which begins with servers without failures.
  continueServers(snapshot, scoreboard, known)
  const supervisor = new Supervisor(snapshot, scoreboard, sessions.table, {
    log: (lines, written) => accessLog.append(lines, written),
    logDropped: (lines) => accessLog.drop(lines),
    samples: (reports) => skew.hear(reports),
    event(event) {
      health.hear(event)
      events.hear(event)
    },
    workerDied(slot, cause, ms) {
      log.error(`worker ${slot} died and is replaced${ms > 0 ? ` in ${ms} ms` : ''}: ${cause}`)
    },
  })
  const reclaimer = new SlotReclaimer(slots, scoreboard, sessions.table)
  return { log, state, accessLog, slots, reclaimer, scoreboard, sessions, health, skew, supervisor }
}
