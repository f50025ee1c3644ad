import { createRoute } from '@hono/zod-openapi'
import { Upstream, Upstreams } from '../answers.ts'
import { type Descriptions, json, type Resources, refusals, UpstreamPath } from '../resource.ts'
import type { View } from '../view.ts'

/** The upstreams, with their servers and the sessions of each. */
export function addUpstreams(api: Resources, { reads }: Descriptions, view: View): void {
  const list = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/upstreams',
    summary: 'All upstreams, with their servers and the sessions of each',
    responses: { 200: json(Upstreams, 'The upstreams, in the order of the configuration.'), ...refusals },
  })
  api.openapi(list, (context) => context.json({ upstreams: view.upstreams() }, 200))

  const read = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/upstreams/{upstream}',
    summary: 'One upstream',
    request: { params: UpstreamPath },
    responses: { 200: json(Upstream, 'The upstream.'), ...refusals },
  })
  api.openapi(read, (context) => context.json(view.existingUpstream(context.req.valid('param').upstream), 200))
}
