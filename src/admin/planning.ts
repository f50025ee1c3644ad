import { z } from '@hono/zod-openapi'
import { Then } from './drain.ts'
import { Count } from './fields.ts'
import { ServerChange } from './server-settings.ts'

const listOf = <Item extends z.ZodType>(item: Item) => z.array(item).readonly()

const SessionForecast = z
  .object({
    live: Count,
    stay: Count.openapi({ description: 'They go to the server that they are on.' }),
    move: Count.openapi({ description: 'They go to another server, or begin again.' }),
    refused: Count.openapi({ description: 'Their next request is refused (onLost: refuse).' }),
    unserved: Count.openapi({ description: 'No server would serve them.' }),
  })
  .openapi('SessionForecast', { description: 'What becomes of live sessions with the next request of each.' })

const Move = z
  .object({
    from: z.string().openapi({ description: 'The server that they are on.' }),
    to: z.string().nullable().openapi({ description: 'null if they are refused, or no server serves them.' }),
    why: z.string(),
    outcome: z.enum(['moved', 'refused', 'unserved']),
    sessions: Count,
  })
  .openapi('Move')

const UpstreamPlan = z
  .object({
    name: z.string(),
    sessions: SessionForecast,
    isExact: z.boolean().openapi({ description: 'Whether the numbers in sessions are exact.' }),
    areTargetsExact: z.boolean().openapi({ description: 'Whether it is exact how many come to each server.' }),
    because: listOf(z.string()).openapi({ description: 'Why something is not exact, a sentence each.' }),
    servers: listOf(z.object({ name: z.string(), now: Count, afterwards: Count })),
    moves: listOf(Move),
  })
  .openapi('UpstreamPlan')

const SplitMove = z
  .object({
    route: z.string().openapi({ description: 'Its host and path.' }),
    from: z.string(),
    to: z.string(),
    share: z.number().openapi({ description: 'So many of those who were divided to the first upstream, from 0 to 1.' }),
    sessions: Count.openapi({
      description: 'About so many of the live sessions there; 0 where only: new keeps them.',
    }),
  })
  .openapi('SplitMove', { description: 'Users of a route who go to another upstream, since its split has changed.' })

/** What a configuration would change. */
export const Plan = z
  .object({
    changes: listOf(z.string()).openapi({ description: 'A sentence each; none if it is the same.' }),
    sessions: SessionForecast.openapi({ description: 'Of all upstreams.' }),
    upstreams: listOf(UpstreamPlan).openapi({ description: 'Those that have sessions now.' }),
    splits: listOf(SplitMove).openapi({ description: 'Users whom a split sends to another upstream than before.' }),
  })
  .openapi('Plan')

/** A change of a server that is not made. */
export const PlannedChange = ServerChange.extend({
  // biome-ignore lint/suspicious/noThenProperty: it is data, and nobody awaits it.
  then: Then.optional().openapi({
    description:
      'With admin: drain, what the deadline does to the sessions that are left then; the plan is as of then.',
  }),
}).openapi('PlannedChange')

/** A request that is not sent. */
export const Query = z
  .strictObject({
    method: z.string().optional().openapi({ example: 'GET' }),
    path: z.string().openapi({ description: 'A path, perhaps with a query, or a URL.', example: '/shop/?page=2' }),
    host: z.string().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    cookies: z.record(z.string(), z.string()).optional(),
    ip: z.string().optional().openapi({ description: "The client's address.", example: '203.0.113.9' }),
    secure: z.boolean().optional().openapi({ description: 'It came by HTTPS.' }),
    listener: z
      .string()
      .optional()
      .openapi({ description: 'The listener that it comes by: address and port, or port.', example: '0.0.0.0:80' }),
  })
  .openapi('Query')

const ExplainedRoute = z
  .object({
    host: z.string().nullable(),
    path: z.string(),
    methods: listOf(z.string()).nullable(),
    headers: z.record(z.string(), z.string()).readonly(),
    redirect: z.string().nullable().openapi({ description: 'The path that the client is redirected to.' }),
    because: listOf(z.string()).openapi({ description: 'A sentence for each condition that is met.' }),
    before: z.exactOptional(z.string()).openapi({
      description: 'The route that would come next, and why this one comes first. Absent: no other matches.',
    }),
  })
  .openapi('ExplainedRoute')

const phrases = (description: string) => listOf(z.string()).openapi({ description: `${description}; a phrase each.` })

const ExplainedFilter = z
  .object({
    name: z.string().openapi({ description: 'As in the configuration file.', example: 'rateLimit' }),
    decision: z.enum(['goes-on', 'answers', 'open', 'not-reached']).openapi({
      description:
        'About the request: it goes on, or the filter answers it, so that those after it are not reached. open: that depends ' +
        'on what is not known here; the rest is explained as if it went on.',
    }),
    request: phrases('What it has found, and changes in the request'),
    response: phrases('What it does to the response'),
  })
  .openapi('ExplainedFilter', { description: 'What a filter does. Secret values are not in it.' })

const Candidate = z
  .object({
    server: z.string(),
    address: z.string(),
    weight: Count,
    inFlight: Count,
    isBackup: z.boolean(),
    refusal: z.string().nullable().openapi({ description: 'Why it may not serve this request; null if it may.' }),
    words: z.string(),
  })
  .openapi('Candidate')

/** Where that request would go, and why. It has no key and no cookie. */
export const Explanation = z
  .object({
    summary: z.string().openapi({ description: 'One sentence.' }),
    request: z.object({ method: z.string(), host: z.string(), path: z.string(), ip: z.string() }),
    listener: z.exactOptional(z.string()).openapi({ description: 'That it comes by. Absent: nothing says which.' }),
    route: ExplainedRoute.nullable(),
    closest: listOf(z.string()).openapi({ description: 'If no route matches: what the closest ones require.' }),
    filters: listOf(ExplainedFilter).openapi({ description: 'Those of the route, in order.' }),
    upstream: z
      .object({
        name: z.string(),
        balance: z.string(),
        affinity: z.string().nullable(),
        protocol: z
          .exactOptional(z.enum(['h2', 'h2c', 'auto']))
          .openapi({ description: 'What its servers speak. Absent: HTTP/1.1.' }),
        tls: z.exactOptional(z.literal(true)).openapi({ description: 'That is by TLS. Absent: it is not.' }),
      })
      .nullable(),
    session: z
      .object({
        kind: z.string(),
        standing: z.enum(['new', 'known', 'invalid', 'expired', 'removed']),
        server: z.string().nullable(),
        words: z.string(),
      })
      .nullable(),
    candidates: listOf(Candidate),
    server: z.string().nullable().openapi({ description: 'The server that gets the request; null if none does.' }),
    reason: z.string().nullable().openapi({ description: 'What the access log would say.' }),
    status: z.int().nullable().openapi({ description: 'The status if Limpet answers itself.' }),
  })
  .openapi('Explanation')

export type Plan = z.output<typeof Plan>
export type PlannedChange = z.output<typeof PlannedChange>
export type Query = z.output<typeof Query>
export type Explanation = z.output<typeof Explanation>

/** What would be, without doing it. Each call rejects with OperationRefused where that cannot be said. */
export interface Planning {
  /** What a configuration would change. */
  plan(text: string): Promise<Plan>
  /** What a change of a server would do. */
  planServer(upstream: string, server: string, change: PlannedChange): Promise<Plan>
  explain(query: Query): Promise<Explanation>
  /** The same of a request that the tail has shown lately. */
  explainShown(id: string): Promise<Explanation>
}
