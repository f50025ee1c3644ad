import type { Applied, Apply, Drift, Pause } from './answers.ts'
import type { Drain, DrainOptions } from './drain.ts'
import type { Precondition } from './precondition.ts'
import type { ServerChange, ServerSettings } from './server-settings.ts'

/** Who asks for a change: the name of a token, or how they came. It is logged. */
export interface Author {
  readonly name: string
}

export interface WriteOptions extends Precondition {
  /** Whether the change may leave the upstream without a server that may serve. */
  readonly force?: boolean
}

/** A server's settings as the file would say them, and its identity. */
export interface ServerResource {
  readonly id: string
  readonly settings: ServerSettings
  /** What the file says where it differs; undefined if it says the same, null if the file does not have the server. */
  readonly file?: ServerChange | null
  /** What has found it, as `docker`; undefined where it is written, or was added. */
  readonly source?: string
  /** Expected back. */
  readonly isAway?: true
  /** Its source says that it is not well, and no operator has disabled it. */
  readonly isSaidDown?: true
}

/**
 * What an operator can have done. Calls are carried out one after the other. Each rejects with OperationRefused if it
 * changes nothing, and resolves once all workers serve the change.
 *
 * `precondition.ts` says how preconditions are compared. The tag of a server is `etagOf(settings)`, that of everything
 * else `etagOf(revision)`.
 */
export interface Operations {
  /** Names the desired state; another one after each change. */
  readonly revision: string
  /** The effective configuration as a file, without secrets. */
  config(): string
  /** The last configurations that have come into effect, newest first. */
  applies(): Promise<readonly Apply[]>
  /** What differs from the file. */
  drift(): readonly Drift[]
  server(upstream: string, server: string): ServerResource | undefined
  reload(options: WriteOptions, by: Author): Promise<Applied>
  putConfig(text: string, options: WriteOptions & { readonly changes: 'keep' | 'reset' }, by: Author): Promise<Applied>
  changeServer(
    upstream: string,
    server: string,
    change: ServerChange,
    options: WriteOptions,
    by: Author,
  ): Promise<Applied>
  putServer(
    upstream: string,
    server: string,
    settings: ServerSettings,
    options: WriteOptions,
    by: Author,
  ): Promise<Applied & { readonly created: boolean }>
  removeServer(upstream: string, server: string, options: WriteOptions, by: Author): Promise<Applied>
  /** Drops the operator's changes of one server, or all. */
  reset(
    target: { readonly upstream: string; readonly server: string } | 'all',
    options: WriteOptions,
    by: Author,
  ): Promise<Applied>
  drains(): readonly Drain[]
  drain(upstream: string, server: string, drain: DrainOptions, options: WriteOptions, by: Author): Promise<Drain>
  /** Ends a drain: the server is ready again. */
  undrain(upstream: string, server: string, options: WriteOptions, by: Author): Promise<Applied>
  /** The pause of an upstream; undefined if it is not paused. */
  pauseOf(upstream: string): Pause | undefined
  /** @param max how long requests wait at most, in ms */
  pause(upstream: string, max: number, options: WriteOptions, by: Author): Promise<Pause>
  resume(upstream: string, options: WriteOptions, by: Author): Promise<Applied>
  /** Starts the program that is now on disk in place of this one. */
  upgrade(options: WriteOptions, by: Author): Promise<{ readonly pid: number }>
}
