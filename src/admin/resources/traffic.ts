import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import {
  answerWithEvents,
  type Descriptions,
  type Env,
  json,
  type Resources,
  refusals,
  serverSentEvents,
} from '../resource.ts'
import { RecentReasons, type TrafficFeed, TrafficHistory, type TrafficQuery } from '../traffic.ts'
import type { TrafficStream } from '../traffic-stream.ts'
import type { View } from '../view.ts'

const query = z.object({
  upstream: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .openapi({ description: 'Whose servers are wanted; several times for several upstreams. Absent: all.' }),
})

/** The traffic of each second. */
export function addTraffic(
  api: Resources,
  { reads }: Descriptions,
  view: View,
  feed: TrafficFeed,
  stream: TrafficStream,
): void {
  const read = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/traffic',
    summary: 'The traffic of the last ten minutes, and of the present second in detail',
    request: { query },
    responses: { 200: json(TrafficHistory, 'The traffic.'), ...refusals },
  })
  api.openapi(read, (context) => context.json(feed.history(queryOf(context, view)), 200))

  const watch = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/traffic/stream',
    summary: 'The traffic of each second, as server-sent events',
    description: 'Their type is traffic, and each is a Traffic.',
    request: { query },
    responses: { 200: serverSentEvents, ...refusals },
  })
  api.openapi(watch, (context) => {
    const wanted = queryOf(context, view)
    return answerWithEvents(context, () => stream.open(wanted))
  })

  const reasons = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/reasons',
    summary: 'Why requests went where they went, in the last five minutes',
    request: { query },
    responses: { 200: json(RecentReasons, 'How many requests had each reason.'), ...refusals },
  })
  api.openapi(reasons, (context) => context.json(feed.reasons(queryOf(context, view)), 200))
}

/** @throws OperationRefused for an upstream that does not exist */
function queryOf({ req }: Context<Env>, view: View): TrafficQuery {
  const names = req.queries('upstream')
  for (const name of names ?? []) view.assertUpstream(name)
  return { upstreams: names === undefined || names.length === 0 ? 'all' : [...new Set(names)].sort() }
}
