import { instanceOf } from '../config/instance.ts'
import type { Config } from '../config/schema.ts'
import { warningsOf } from '../config/warnings.ts'
import type { Log, Warn } from '../observability/log.ts'
import type { LogFile } from '../observability/log-file.ts'
import type { ChallengeAnswers } from '../runtime/challenge-answers.ts'
import { AcmeSource } from './acme/acme-source.ts'
import { restoredAnswers } from './acme/challenges/handed-answers.ts'
import { BansFile } from './bans/bans-file.ts'
import { ChangesFile } from './desired/changes-file.ts'
import type { DesiredState } from './desired/desired-state.ts'
import { KeptChanges } from './desired/kept-changes.ts'
import { fileInEffect, type LoadAgain, restored } from './desired/restored.ts'
import { Discovery } from './discovery/discovery.ts'
import { SourceReports } from './discovery/source-reports.ts'
import { EventRing } from './event-ring.ts'
import { FetchedKeys } from './keys/fetched-keys.ts'
import { HostNames, START_WITHIN } from './names/host-names.ts'
import { openAccessLog } from './open-access-log.ts'
import { keepsState } from './sessions/kept-sessions.ts'
import { InstanceLock } from './state/instance-lock.ts'
import { RunInstance } from './state/run-instance.ts'
import { StateDirectory } from './state/state-directory.ts'
import { TlsStore } from './tls/tls-store.ts'
import type { Inheritance } from './upgrade/inheritance.ts'
import type { Predecessor } from './upgrade/predecessor.ts'

/** What goes on by itself once it is opened. */
export interface Opened {
  close(): void
}

/** What a run begins with. */
export interface Beginning {
  /** What the file and the environment say. */
  readonly file: Config
  readonly log: Log
  /** Reads the file again. */
  readonly load?: LoadAgain | undefined
  /** The process that this one replaces, if it does. */
  readonly predecessor?: Predecessor | undefined
  /** Called before the first worker listens: requests may be in flight from then on. */
  readonly serving?: () => void
}

/** What the parts of a balancer stand on: the first desired state, and all that it needs from disk, from the network and from before. */
export interface Foundations {
  readonly log: Log
  readonly desired: DesiredState
  /** The desired configuration, by its instance's name. */
  readonly config: Config
  readonly instance: RunInstance
  readonly state: StateDirectory
  readonly lock: InstanceLock
  readonly keptChanges: KeptChanges
  readonly bansFile: BansFile
  readonly keptBans: ReturnType<BansFile['read']>
  readonly events: EventRing
  readonly sources: SourceReports
  readonly discovery: Discovery
  readonly tls: TlsStore
  readonly acme: AcmeSource
  readonly keys: FetchedKeys
  readonly hosts: HostNames
  readonly accessLog: LogFile
  readonly inherited: Inheritance | undefined
}

/**
 * Finds out what the first configuration is, and gets what it needs: answers of sources, keys, certificates, addresses of hosts.
 *
 * @param opened gets what is to be closed if the start fails
 * @param publish has all workers give these answers to challenges of ACME; called once there are workers
 * @throws ConfigError if the access log's file cannot be opened
 */
export async function layFoundations(
  opened: Opened[],
  { file, log, load, predecessor }: Beginning,
  publish: (answers: ChallengeAnswers) => Promise<void>,
): Promise<Foundations> {
  const inherited = predecessor?.inheritance
  const warn: Warn = (...warning) => log.warn(...warning)
  const state = new StateDirectory(file.stateDirectory, process.env, warn)
  const instance = new RunInstance(file, state, inherited?.instance)
  const name = instanceOf(instance.name(file))
  const changesFile = new ChangesFile(state, name)
  const changes = changesFile.read()
  const events = new EventRing(inherited?.newestEvent)
  const sources = new SourceReports(log, events)
  const discovery = new Discovery(sources, inherited?.found)
  opened.push(discovery)
  const inEffect = fileInEffect(file, changes, log, load)
  discovery.watch(inEffect)
  await discovery.firstAnswers()
  const desired = restored(inEffect, discovery.found, changes, log)
  discovery.refused(desired.refused)
  const config = instance.name(desired.config)
  for (const warning of warningsOf(config)) log.warn(warning, { event: 'config-warning' })
  const tls = new TlsStore(warn, inherited?.ticketKey)
  const acme = new AcmeSource(
    {
      state,
      log,
      publish,
      material: (each) => tls.materialFor(each),
      report: (host, better, message) => events.add({ type: 'certificate', host, better, message }),
    },
    inherited?.challenges && restoredAnswers(inherited.challenges),
  )
  opened.push(acme)
  tls.add(acme)
  const keys = new FetchedKeys(log)
  opened.push(keys)
  tls.keySets = keys.sets
  await acme.prepare(config)
  tls.adopt(tls.materialFor(config))
  const hosts = new HostNames(config, log, inherited?.hosts)
  opened.push(hosts)
  hosts.adopt(await hosts.addressesFor(config, START_WITHIN), config)
  const accessLog = openAccessLog(config.accessLog.file, log)
  const lock = new InstanceLock(name, state.path)
  opened.push({ close: () => lock.release() })
  // A process that is replaced releases it once this one serves.
  if (predecessor === undefined && keepsState(config)) await lock.takeOrWait(log)
  const keptChanges = new KeptChanges(changesFile, lock)
  const bansFile = new BansFile(state, name)
  const keptBans = bansFile.read()
  return {
    log,
    desired,
    config,
    instance,
    state,
    lock,
    keptChanges,
    bansFile,
    keptBans,
    events,
    sources,
    discovery,
    tls,
    acme,
    keys,
    hosts,
    accessLog,
    inherited,
  }
}
