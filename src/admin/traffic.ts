import { z } from '@hono/zod-openapi'
import { Count, Time } from './fields.ts'

/** The traffic of one second, and of the last minutes, as the admin API shows it. */

const Rate = z.number().min(0).openapi({ description: 'A second.' })
const Milliseconds = z.number().min(0).nullable().openapi({ description: 'In ms; null where nothing was measured.' })
const Share = z.number().min(0).max(1).nullable()

/** What is measured of all traffic, of an upstream's, and of a server's. */
const Load = {
  requests: Rate,
  errors: Rate.openapi({ description: 'Answers of 5xx a second.' }),
  inFlight: Count.openapi({ description: 'Requests in flight to servers, WebSockets included.' }),
  tunnels: Count.openapi({ description: 'WebSockets and other upgraded connections.' }),
}

const Latencies = { p50: Milliseconds, p95: Milliseconds, p99: Milliseconds }

/** Everything together, in one second. */
export const Sample = z
  .object({
    at: Time.openapi({
      description:
        'The end of the second. Where the one before ended longer ago, because Limpet stood still, rates are means over that time.',
    }),
    ...Load,
    ...Latencies,
    refused: Rate.openapi({ description: 'Answers of 4xx a second.' }),
    connections: Count.openapi({ description: "Clients' connections that are open." }),
    queued: Count.openapi({ description: 'Requests that wait for a server.' }),
    received: Rate.openapi({ description: 'Bytes of bodies from clients a second.' }),
    sent: Rate.openapi({ description: 'Bytes of bodies to clients a second.' }),
    retries: Rate,
    sessions: Count.openapi({ description: 'Live sessions.' }),
    stickiness: Share.openapi({
      description: 'Of the requests of known sessions: how many reached their server. null where there were none.',
    }),
  })
  .openapi('TrafficSample')

const ServerTraffic = z
  .object({
    name: z.string(),
    ...Load,
    latency: Milliseconds.openapi({
      description: 'The mean time to the first byte in the last second with an answer.',
    }),
    lastUsed: Time.nullable().openapi({ description: 'null where it has not been used since the start.' }),
    recent: z
      .array(z.number())
      .openapi({ description: 'Requests a second, in steps of `step`; the newest last. Empty after 500 servers.' }),
    recentLatency: z
      .array(Milliseconds)
      .openapi({ description: 'The mean time to the first byte, in the same steps.' }),
  })
  .openapi('ServerTraffic')

const UpstreamTraffic = z
  .object({
    name: z.string(),
    ...Load,
    ...Latencies,
    queued: Count,
    retries: Rate,
    stickiness: Share,
    servers: z.array(ServerTraffic).openapi({
      description:
        'Of the upstreams that were asked for: up to 2,000 servers; up to 500 where none was. Of others: none.',
    }),
  })
  .openapi('UpstreamTraffic')

const RouteTraffic = z
  .object({
    route: z.string().openapi({ example: 'GET example.org/shop/*' }),
    upstream: z.string(),
    requests: Rate,
    errors: Rate,
  })
  .openapi('RouteTraffic')

/** One second in detail. */
export const Traffic = z
  .object({
    now: Sample,
    step: Count.openapi({ description: 'The steps of `recent`, in ms.' }),
    upstreams: z.array(UpstreamTraffic),
    routes: z.array(RouteTraffic).openapi({ description: 'The busiest 50.' }),
  })
  .openapi('Traffic')

/** The last minutes, and the present second in detail. */
export const TrafficHistory = Traffic.extend({
  interval: Count.openapi({ description: 'Between two samples, in ms.' }),
  samples: z.array(Sample).openapi({ description: 'Oldest first; up to ten minutes.' }),
}).openapi('TrafficHistory')

/** Why requests went where they went, in the last minutes. */
export const RecentReasons = z
  .object({
    step: Count.openapi({ description: 'The steps of `recent`, in ms.' }),
    upstreams: z.array(
      z.object({
        name: z.string(),
        reasons: z
          .array(
            z.object({
              reason: z.string().openapi({ example: 'moved:drained' }),
              recent: z
                .array(Count)
                .openapi({ description: 'Requests by step, the newest last: that one has not ended yet.' }),
            }),
          )
          .openapi({ description: 'Those that there were in the last five minutes.' }),
      }),
    ),
  })
  .openapi('RecentReasons')

export type Sample = z.output<typeof Sample>
export type Traffic = z.output<typeof Traffic>
export type TrafficHistory = z.output<typeof TrafficHistory>
export type RecentReasons = z.output<typeof RecentReasons>

/** Whose servers are wanted in detail: all (up to 500 servers), or those of some upstreams (up to 2,000). */
export interface TrafficQuery {
  readonly upstreams: 'all' | readonly string[]
}

/** What is known of the traffic. */
export interface TrafficFeed {
  history(query: TrafficQuery): TrafficHistory
  traffic(query: TrafficQuery): Traffic
  reasons(query: TrafficQuery): RecentReasons
  /** Notifies once a second, until the function that it returns is called. */
  watch(notify: (now: Sample) => void): () => void
}
