import type { Config } from '../../config/schema.ts'
import type { Server } from '../../config/server.ts'
import type { Upstream } from '../../config/upstream.ts'
import { effectiveOf } from './effective-config.ts'
import { type Found, mergedWith, type Refused } from './found.ts'
import { NO_CHANGES, type OperatorChanges } from './operator-changes.ts'

/** What should be in effect: what the file says, what sources have found, and the operator's changes on top. Immutable. */
export interface DesiredState {
  /** The file's configuration, or the one that an operator has put in its place. */
  readonly file: Config
  readonly found: Found
  /** The file with what was found. */
  readonly base: Config
  readonly changes: OperatorChanges
  /** All together. */
  readonly config: Config
  /** Changes that contradict `base`, and have no effect: one sentence each. */
  readonly conflicts: readonly string[]
  /** What was found and contradicts the rest, and has no effect. */
  readonly refused: readonly Refused[]
}

export function desiredState(file: Config, found: Found, changes: OperatorChanges): DesiredState {
  const { config: base, refused } = mergedWith(file, found)
  return { file, found, base, changes, refused, ...effectiveOf(base, changes) }
}

/** The state with other changes of the operator. */
export function withChanges({ file, found }: DesiredState, changes: OperatorChanges): DesiredState {
  return desiredState(file, found, changes)
}

/** The state once the file has been read again. A configuration that an operator has put in its place stays. */
export function reloaded({ file: former, found, changes }: DesiredState, file: Config): DesiredState {
  return desiredState(changes.config === undefined ? file : former, found, changes)
}

/** The state without operator's changes. `file` is what the file says. */
export function resetAll({ found }: DesiredState, file: Config): DesiredState {
  return desiredState(file, found, NO_CHANGES)
}

export function upstreamNamed({ upstreams }: Config, name: string): Upstream | undefined {
  return upstreams.find((upstream) => upstream.name === name)
}

/** The servers of upstreams by name: there may be thousands, and each is asked for. */
const indexes = new WeakMap<Upstream, ReadonlyMap<string, Server>>()

export function serverNamed(upstream: Upstream, name: string): Server | undefined {
  let index = indexes.get(upstream)
  if (index === undefined) {
    index = new Map(upstream.servers.map((server) => [server.name, server]))
    indexes.set(upstream, index)
  }
  return index.get(name)
}
