import { z } from 'zod'

/**
 * What operators have changed at run time, by the API or the command line, on top of what the file says. It outlives
 * restarts, and wins over an edited file until it is reset. Servers are known by their ids. The schemas are those of
 * the file in the state directory (changes-file.ts). Times are in ms since 1970.
 */

const Stamp = {
  /** The name of the token that made the change, or how it reached the API. */
  by: z.string(),
  at: z.number(),
}

/** A drain that was ordered, as it must go on after a restart. */
const DrainOrder = z.strictObject({
  startedAt: z.number(),
  /** How long it may take, in ms; 0: any time. */
  deadline: z.number(),
  /** What happens at the deadline to the sessions that are left. */
  // biome-ignore lint/suspicious/noThenProperty: nothing awaits an order
  then: z.enum(['move', 'refuse', 'keep']),
  /** How long the closing of WebSockets is spread, in ms. */
  spread: z.number(),
  /** Whether the server is removed once the drain has ended. */
  removes: z.exactOptional(z.literal(true)),
  /** Whether the deadline has passed with sessions left. */
  isCut: z.exactOptional(z.literal(true)),
})

const OwnChange = z.strictObject({
  /** The server is not in the file; `settings` has all of it. */
  isAdded: z.exactOptional(z.literal(true)),
  /** The server is in the file, and not used. */
  isRemoved: z.exactOptional(z.literal(true)),
  /** Settings in place of the file's, as the file would have them. */
  settings: z.record(z.string(), z.json()),
  admin: z.exactOptional(z.enum(['ready', 'drain', 'maintenance'])),
  drain: z.exactOptional(DrainOrder),
  ...Stamp,
})

const ServerChange = OwnChange.extend({
  /** What an operator had changed of a server that is removed gradually: it holds again where that comes back. */
  replaced: z.exactOptional(OwnChange),
})

const UpstreamChange = z.strictObject({
  /** Until when requests wait. */
  pause: z.exactOptional(z.strictObject({ until: z.number(), ...Stamp })),
  /** By id. */
  servers: z.record(z.string(), ServerChange),
})

export const OperatorChanges = z.strictObject({
  /** A whole configuration that stands in for the file. */
  config: z.exactOptional(z.strictObject({ text: z.string(), ...Stamp })),
  /** By name. */
  upstreams: z.record(z.string(), UpstreamChange),
})

export type OperatorChanges = z.output<typeof OperatorChanges>
export type UpstreamChange = z.output<typeof UpstreamChange>
export type ServerChange = z.output<typeof ServerChange>
export type DrainOrder = z.output<typeof DrainOrder>
export type AdminState = NonNullable<ServerChange['admin']>

export const NO_CHANGES: OperatorChanges = { upstreams: {} }

/** The changes with those of one server replaced; undefined removes them. Untouched parts are the same objects. */
export function withServerChange(
  changes: OperatorChanges,
  upstream: string,
  id: string,
  change: ServerChange | undefined,
): OperatorChanges {
  const current = changes.upstreams[upstream] ?? { servers: {} }
  const { [id]: _, ...others } = current.servers
  return withUpstreamChange(changes, upstream, {
    ...current,
    servers: change === undefined ? others : { ...others, [id]: change },
  })
}

/** The same for an upstream; one without changes is left out. */
export function withUpstreamChange(
  changes: OperatorChanges,
  upstream: string,
  change: UpstreamChange,
): OperatorChanges {
  const { [upstream]: _, ...others } = changes.upstreams
  const isEmpty = change.pause === undefined && Object.keys(change.servers).length === 0
  return { ...changes, upstreams: isEmpty ? others : { ...others, [upstream]: change } }
}
