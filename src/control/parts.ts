import { instanceOf } from '../config/instance.ts'
import { HealthMonitor } from '../health/health-monitor.ts'
import { probeServer } from '../health/probe.ts'
import type { Better, Worse } from '../health/upstream-health.ts'
import type { LogFile } from '../observability/log-file.ts'
import { KeyedLimits } from '../runtime/keyed-limits.ts'
import { Scoreboard } from '../runtime/scoreboard.ts'
import type { Snapshot } from '../runtime/snapshot.ts'
import { ServerCell, WorkerCell } from '../runtime/tallies/layout.ts'
import { Tallies } from '../runtime/tallies.ts'
import { ApplyHistory } from './apply-history.ts'
import { banOf } from './bans/kept-ban.ts'
import { compile } from './compile.ts'
import { ServerWishes } from './drains/server-wishes.ts'
import { SessionQuestions } from './drains/session-questions.ts'
import { EventLog } from './event-log.ts'
import type { Foundations } from './foundations.ts'
import { Counts } from './metrics/counts.ts'
import { Rebalancer } from './rebalance/rebalancer.ts'
import { KeptSessions, warningsOfSecrets } from './sessions/kept-sessions.ts'
import { SkewAlarm } from './skew-alarm.ts'
import { SlotBook } from './slots/slot-book.ts'
import { SlotReclaimer } from './slots/slot-reclaimer.ts'
import { Tracing } from './tracing/tracing.ts'
import { LiveTail } from './traffic/live-tail.ts'
import { TrafficSampler } from './traffic/traffic-sampler.ts'
import { continueServers, knownHealth } from './upgrade/server-states.ts'
import { Supervisor } from './workers/supervisor.ts'

/** What of its foundations the rest of a balancer uses. */
type Kept = 'log' | 'state' | 'accessLog' | 'tls' | 'acme' | 'hosts' | 'events' | 'sources' | 'discovery'

/** The parts of a balancer. */
export interface Parts extends Pick<Foundations, Kept> {
  readonly slots: SlotBook
  readonly reclaimer: SlotReclaimer
  readonly scoreboard: Scoreboard
  readonly sessions: KeptSessions
  readonly tallies: Tallies
  readonly limits: KeyedLimits
  readonly counts: Counts
  readonly health: HealthMonitor
  readonly skew: SkewAlarm
  readonly questions: SessionQuestions
  readonly applies: ApplyHistory
  readonly tracing: Tracing
  readonly wishes: ServerWishes
  readonly rebalancer: Rebalancer
  readonly supervisor: Supervisor
  readonly traffic: TrafficSampler
  readonly tail: LiveTail
}

/** Makes the parts of a balancer for its first Snapshot, and connects each to the events that it needs; nothing runs yet. */
export async function assemble(foundations: Foundations): Promise<Parts> {
  const { config, state, tls, acme, keys, hosts, events, sources, discovery, accessLog, log, inherited } = foundations
  const slots = new SlotBook()
  const snapshot = compile(config, 1, slots, () => state.secret(), tls.material, hosts.addresses)
  slots.adopt(snapshot)
  for (const warning of warningsOfSecrets(config, state)) log.warn(warning, { event: 'secret-not-shared' })
  const sessions = new KeptSessions(config, instanceOf(config), state, log)
  await sessions.apply(config, snapshot)
  const scoreboard = new Scoreboard()
  const tallies = new Tallies()
  const tracing = new Tracing(log, config.tracing)
  const limits = new KeyedLimits()
  const counts = countsOf(tallies, slots, accessLog, tracing, limits)
  counts.add(inherited?.counts ?? [])
  const skew = new SkewAlarm(snapshot.upstreams, log, events)
  const rebalancer = new Rebalancer(snapshot.upstreams, scoreboard, sessions.table)
  const eventLog = new EventLog(log)
  const wishes = new ServerWishes()
  const known = inherited?.servers ?? []
  const health = new HealthMonitor(
    snapshot.upstreams,
    scoreboard,
    {
      worse(message, change) {
        log.warn(message, change)
        const host = hostOf(change, supervisor.snapshot)
        if (host !== undefined) hosts.doubt(host)
        events.add({ type: 'server-health', ...serverOf(change), better: false, message })
      },
      better(message, change) {
        log.info(message, change)
        events.add({ type: 'server-health', ...serverOf(change), better: true, message })
      },
      takenOut: (slot) => tallies.countOfServer(slot, ServerCell.Ejections),
      shortage: (code) => eventLog.shortage(code),
    },
    probeServer,
    knownHealth(snapshot, known),
  )
  // After the monitor, which begins with servers without failures.
  continueServers(snapshot, scoreboard, known)
  const supervisor = new Supervisor(
    snapshot,
    scoreboard,
    sessions.table,
    tallies,
    {
      log: (lines, written) => accessLog.append(lines, written),
      logDropped: (lines) => accessLog.drop(lines),
      spans: (spans, dropped) => tracing.take(spans, dropped),
      ids: (server, ids) => questions.hear(server, ids),
      samples: (reports) => skew.hear(reports),
      requests: (requests) => tail.hear(requests),
      event(event) {
        if (event.type === 'server-asks' && !wishes.hear(event)) return
        if (event.type === 'certificate-wanted') {
          const { host } = event
          return void acme.demand(host).finally(() => supervisor.settleDemand(host))
        }
        if (event.type === 'keys-wanted') {
          const { url } = event
          return void keys.demand(url).finally(() => supervisor.settleKeys(url))
        }
        health.hear(event)
        eventLog.hear(event)
      },
      workerDied(slot, cause, ms) {
        tallies.count(WorkerCell.WorkersRestarted)
        events.add({ type: 'worker-died', worker: slot, cause, ms })
        const message = `worker ${slot} died and is replaced${ms > 0 ? ` in ${ms} ms` : ''}: ${cause}`
        log.error(message, { event: 'worker-died', worker: slot, ms, cause })
      },
    },
    acme.answers,
    foundations.keptBans.map(banOf),
    limits,
  )
  const questions = new SessionQuestions({
    sessions: sessions.table,
    log,
    wantIds: (upstream, server) => supervisor.wantIds(upstream, server),
  })
  const tail = new LiveTail((watches) => supervisor.watchRequests(watches))
  const traffic = new TrafficSampler({
    tallies,
    scoreboard,
    sessions: sessions.table,
    slots,
    snapshot: () => supervisor.snapshot,
  })
  // The sampler first: then what it has read is zeroed.
  const reclaimer = new SlotReclaimer(slots, scoreboard, sessions.table, [traffic, counts])
  return {
    log,
    state,
    accessLog,
    tls,
    acme,
    hosts,
    slots,
    reclaimer,
    scoreboard,
    sessions,
    tallies,
    limits,
    counts,
    health,
    skew,
    rebalancer,
    questions,
    events,
    applies: new ApplyHistory(),
    tracing,
    wishes,
    supervisor,
    traffic,
    tail,
    sources,
    discovery,
  }
}

/** The server that a change of health is about; null for all of its upstream. */
function serverOf(change: Worse | Better): { readonly upstream: string; readonly server: string | null } {
  return { upstream: change.upstream, server: 'server' in change ? change.server : null }
}

/** The host of the server that a change of health is about. */
function hostOf(change: Worse, { upstreams }: Snapshot): string | undefined {
  const { server } = serverOf(change)
  const endpoint = upstreams
    .find(({ name }) => name === change.upstream)
    ?.servers.find(({ name }) => name === server)?.endpoint
  return endpoint !== undefined && 'host' in endpoint ? endpoint.host : undefined
}

function countsOf(
  tallies: Tallies,
  slots: SlotBook,
  accessLog: LogFile,
  tracing: Tracing,
  limits: KeyedLimits,
): Counts {
  return new Counts(
    tallies,
    slots,
    new Map([
      [WorkerCell.DroppedLines, () => accessLog.dropped],
      [WorkerCell.ProcessorSeconds, processorSeconds],
      [WorkerCell.SpansExported, () => tracing.exported],
      [WorkerCell.SpansDropped, () => tracing.dropped],
      [WorkerCell.DryRuns, () => limits.dryRuns],
      [WorkerCell.RateOverflows, () => limits.rates.overflows],
      [WorkerCell.ConcurrencyOverflows, () => limits.concurrency.overflows],
    ] as const),
  )
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
