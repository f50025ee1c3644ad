import { createRoute, z } from '@hono/zod-openapi'
import { Applied, Pause } from '../answers.ts'
import { Duration } from '../fields.ts'
import type { Operations } from '../operations.ts'
import {
  type Descriptions,
  json,
  jsonInBody,
  optionsOf,
  Preconditions,
  type Resources,
  refusals,
  UpstreamPath,
} from '../resource.ts'

const path = '/v1/upstreams/{upstream}/pause'

const PauseOptions = z
  .strictObject({ max: Duration.openapi({ description: 'How long requests wait at most.' }) })
  .openapi('PauseOptions')

/** An upstream whose requests wait. */
export function addPause(api: Resources, { writes, writesJson }: Descriptions, operations: Operations): void {
  const put = createRoute({
    ...writesJson,
    method: 'put',
    path,
    summary: 'Pauses an upstream: its requests wait in the queue',
    request: { params: UpstreamPath, headers: Preconditions, body: jsonInBody(PauseOptions, true) },
    responses: { 200: json(Pause, 'It is paused.'), ...refusals },
  })
  api.openapi(put, async (context) => {
    const { upstream } = context.req.valid('param')
    const { max } = context.req.valid('json')
    return context.json(await operations.pause(upstream, max, optionsOf(context), context.env.caller), 200)
  })

  const end = createRoute({
    ...writes,
    method: 'delete',
    path,
    summary: 'Resumes an upstream: the requests that wait are served',
    request: { params: UpstreamPath, headers: Preconditions },
    responses: { 200: json(Applied, 'It serves.'), ...refusals },
  })
  api.openapi(end, async (context) => {
    const { upstream } = context.req.valid('param')
    return context.json(await operations.resume(upstream, optionsOf(context), context.env.caller), 200)
  })
}
