import { createHmac } from 'node:crypto'
import type { Config } from '../../config/schema.ts'
import type { Log } from '../../observability/log.ts'
import { counted } from '../../runtime/counted.ts'
import { SessionTable } from '../../runtime/session-table.ts'
import { SIP_KEY_SIZE } from '../../runtime/sip-hash.ts'
import type { Snapshot, Upstream } from '../../runtime/snapshot.ts'
import type { StateDirectory } from '../state/state-directory.ts'
import { SessionStore } from './session-store.ts'

/** The sessions of a run: the table that all threads share, and the file that they are saved in and loaded from. */
export class KeptSessions {
  readonly table: SessionTable
  readonly #instance: string
  readonly #state: StateDirectory
  readonly #log: Log
  /**
   * Undefined while there is nothing to save: addresses that only a policy ties to servers need no saving, since the
   * policy would send them to the same servers again.
   */
  #store: SessionStore | undefined

  /** @param instance the name of this run's instance, which it keeps whatever its listeners */
  constructor(config: Config, instance: string, state: StateDirectory, log: Log) {
    this.#instance = instance
    this.#state = state
    this.#log = log
    this.table = keepsState(config) ? SessionTable.withKey(sessionKey(state)) : new SessionTable()
  }

  /**
   * Takes over the idle limits and the servers of the Snapshot of that configuration. With the first one that has
   * sessions to save, loads those of an earlier run. If that is not the run's first Snapshot, sessions whose ids were
   * hashed under the table's key are not loaded (session-file.ts), since the table has another key by then.
   */
  async apply(config: Config, { upstreams }: Snapshot): Promise<void> {
    this.table.apply(upstreams)
    const kept = keptUpstreams(config, upstreams)
    if (this.#store !== undefined) await this.#store.apply(kept)
    else if (kept.length > 0) this.#open(config, kept)
  }

  #open({ listeners }: Config, kept: readonly Upstream[]): void {
    this.#store = new SessionStore(this.table, this.#state, kept, this.#instance, listeners)
    const restored = this.#store.load()
    if (restored > 0)
      this.#log.info(`${counted(restored, 'session')} restored`, { event: 'sessions-restored', count: restored })
  }

  /** Saves what has changed so far. */
  async flush(): Promise<void> {
    await this.#store?.flush()
  }

  /**
   * Passes sessions in both directions between this run and one that begins beside it (SessionStore.keepInStep).
   *
   * @returns ends it
   */
  async keepInStep(): Promise<() => void> {
    return (await this.#store?.keepInStep()) ?? (() => {})
  }

  /** Saves for the last time. */
  async close(): Promise<void> {
    await this.#store?.close()
  }
}

/** Whether a configuration has sessions to keep, so that the state directory is used. */
export function keepsState({ upstreams }: Config): boolean {
  return upstreams.some(({ affinity }) => affinity !== undefined)
}

/** The upstreams with a configured affinity. */
function keptUpstreams(config: Config, upstreams: readonly Upstream[]): readonly Upstream[] {
  const names = new Set(config.upstreams.flatMap(({ name, affinity }) => (affinity === undefined ? [] : name)))
  return upstreams.filter(({ name }) => names.has(name))
}

/** The key under which ids of saved sessions are hashed; the same in the next run. */
function sessionKey(state: StateDirectory): Uint8Array {
  return createHmac('sha256', state.secret()).update('limpet session ids 2').digest().subarray(0, SIP_KEY_SIZE)
}

/** Warnings about cookies that are signed with a secret that no other replica has: one for each upstream. */
export function warningsOfSecrets({ upstreams }: Config, state: StateDirectory): string[] {
  const secret = state.holds('secret') ? `${state.path}/secret` : 'one that lasts as long as this run'
  return upstreams
    .filter(({ affinity }) => affinity?.type === 'cookie' && affinity.secrets === undefined)
    .map(({ name }) => `upstream ${name}: affinity has no secrets; ${secret} serves, and other replicas need the same`)
}
