import { z } from '@hono/zod-openapi'
import { Count, Duration, Time } from './fields.ts'

export const Then = z.enum(['move', 'refuse', 'keep'])

/** A drain, as it is at this moment. */
export const Drain = z
  .object({
    upstream: z.string(),
    server: z.string(),
    state: z.enum(['draining', 'empty', 'cut']).openapi({
      description: 'empty: nobody was left before the deadline. cut: the deadline has passed.',
    }),
    started: Time,
    ended: Time.nullable().openapi({ description: 'When it was empty, or was cut; null until then.' }),
    deadline: Time.nullable().openapi({ description: 'null where it has none.' }),
    // biome-ignore lint/suspicious/noThenProperty: it is data, and nobody awaits it.
    then: Then.openapi({ description: 'What happens at the deadline to the sessions that are left.' }),
    sessions: Count.openapi({ description: 'Sessions that are left.' }),
    active: Count.openapi({ description: 'Those of them with a request in flight.' }),
    inFlight: Count.openapi({ description: 'Requests in flight, WebSockets not counted.' }),
    tunnels: Count.openapi({ description: 'WebSockets and other upgraded connections.' }),
    moved: Count.openapi({ description: 'Sessions that were moved or refused at the deadline.' }),
    emptyAt: Time.nullable().openapi({ description: 'When the trend lets it be empty; null where there is no trend.' }),
    emptyWithin: Count.nullable().openapi({ description: 'By how much that may be wrong, in ms.' }),
  })
  .openapi('Drain')

export type Drain = z.output<typeof Drain>

/** How to drain a server. What is not said is as the upstream's `drain` says. */
export const DrainOptions = z
  .strictObject({
    deadline: Duration.optional().openapi({ description: 'How long the sessions have.' }),
    // biome-ignore lint/suspicious/noThenProperty: it is data, and nobody awaits it.
    then: Then.optional(),
    spread: Duration.optional().openapi({ description: 'Over how long WebSockets are closed after the deadline.' }),
    force: z.boolean().optional().openapi({ description: 'Even if no server is left that may serve new users.' }),
  })
  .openapi('DrainOptions')

/** Durations in ms. */
export type DrainOptions = Omit<z.output<typeof DrainOptions>, 'force'>
