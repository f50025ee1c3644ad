import { createHmac } from 'node:crypto'
import type { Logger } from 'pino'
import type { Config } from '../config/schema.ts'
import { SessionTable } from '../runtime/session-table.ts'
import { SIP_KEY_SIZE } from '../runtime/sip-hash.ts'
import type { Snapshot } from '../runtime/snapshot.ts'
import { SessionStore } from './session-store.ts'
import type { StateDirectory } from './state-directory.ts'

/** The sessions of a run: the table that all threads share, and the file that they come from and go to. */
interface OpenSessions {
  readonly sessions: SessionTable
  /** Undefined where nothing is worth keeping: addresses that a policy alone ties to servers go where they went anyway. */
  readonly store: SessionStore | undefined
}

/** Takes in the sessions that an earlier run has left. */
export function openSessions(config: Config, snapshot: Snapshot, state: StateDirectory, log: Logger): OpenSessions {
  warnOfSecrets(config, state, log)
  const kept = snapshot.upstreams.filter((_, index) => config.upstreams[index]!.affinity !== undefined)
  const sessions = kept.length === 0 ? new SessionTable() : SessionTable.withKey(sessionKey(state))
  sessions.heed(snapshot.upstreams)
  if (kept.length === 0) return { sessions, store: undefined }
  const store = new SessionStore(sessions, state, kept, config.listeners)
  const restored = store.load()
  if (restored > 0) log.info(`${restored} session(s) go on`)
  return { sessions, store }
}

/** What ids of sessions that are kept are hashed under: the same in the next run. */
function sessionKey(state: StateDirectory): Uint8Array {
  return createHmac('sha256', state.secret()).update('limpet session ids 1').digest().subarray(0, SIP_KEY_SIZE)
}

function warnOfSecrets({ upstreams }: Config, state: StateDirectory, log: Logger): void {
  const secret = state.holds('secret') ? `${state.path}/secret` : 'one that lasts as long as this run'
  for (const { name, affinity } of upstreams) {
    if (affinity?.type !== 'cookie' || affinity.secrets !== undefined) continue
    log.warn(`upstream ${name}: affinity has no secrets; ${secret} serves, and other replicas need the same`)
  }
}
