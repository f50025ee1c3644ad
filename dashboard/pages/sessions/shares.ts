import type { Server } from '../../../src/admin/answers.ts'
import type { UpstreamSessions } from './state.ts'

/** A server's part of the sessions of its upstream. */
export interface ServerShare {
  readonly name: string
  readonly live: number
  readonly active: number
  readonly oldest: string | null
  /** From 0 to 1; null where there are no sessions. */
  readonly share: number | null
  /** What its weight asks for, among those that new users may come to; null for one that they do not come to. */
  readonly asked: number | null
  /** Undefined if it was removed since. */
  readonly server: Server | undefined
}

export function sharesOf({ live, servers }: UpstreamSessions, known: readonly Server[]): readonly ServerShare[] {
  const byName = new Map(known.map((server) => [server.name, server]))
  const weights = known.reduce((sum, server) => sum + openWeight(server), 0)
  return servers.map(({ name, live: own, active }) => {
    const server = byName.get(name)
    const weight = server === undefined ? 0 : openWeight(server)
    return {
      name,
      live: own,
      active,
      oldest: server?.sessions?.oldest ?? null,
      share: live === 0 ? null : own / live,
      asked: weight === 0 ? null : weight / weights,
      server,
    }
  })
}

/** The weight by which new users come to a server: 0 where they do not. */
function openWeight({ weight, backup, state: { admin, health } }: Server): number {
  return backup || admin !== 'ready' || health === 'down' ? 0 : weight
}
