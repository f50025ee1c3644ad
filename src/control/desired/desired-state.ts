import type { Config, Server, Upstream } from '../../config/schema.ts'
import { effectiveOf } from './effective-config.ts'
import type { OperatorChanges } from './operator-changes.ts'

/** What should be in effect: what the file says, and the operator's changes on top. Immutable. */
export interface DesiredState {
  /** The file's configuration, or the one that an operator has put in its place. */
  readonly base: Config
  readonly changes: OperatorChanges
  /** The two together. */
  readonly config: Config
  /** Changes that contradict `base`, and have no effect: one sentence each. */
  readonly conflicts: readonly string[]
}

export function desiredState(base: Config, changes: OperatorChanges): DesiredState {
  return { base, changes, ...effectiveOf(base, changes) }
}

export function upstreamNamed({ upstreams }: Config, name: string): Upstream | undefined {
  return upstreams.find((upstream) => upstream.name === name)
}

export function serverNamed({ servers }: Upstream, name: string): Server | undefined {
  return servers.find((server) => server.name === name)
}
