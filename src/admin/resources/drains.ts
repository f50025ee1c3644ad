import { createRoute } from '@hono/zod-openapi'
import { Applied, Drains } from '../answers.ts'
import { Drain, DrainOptions } from '../drain.ts'
import { notFound } from '../operation-refused.ts'
import type { Operations } from '../operations.ts'
import {
  type Descriptions,
  Force,
  json,
  jsonInBody,
  optionsOf,
  Preconditions,
  type Resources,
  refusals,
  ServerPath,
} from '../resource.ts'
import type { View } from '../view.ts'

const path = '/v1/upstreams/{upstream}/servers/{server}/drain'

/** Servers that are emptied until a deadline. */
export function addDrains(
  api: Resources,
  { reads, writes, writesOptionalJson }: Descriptions,
  view: View,
  operations: Operations,
): void {
  const list = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/drains',
    summary: 'All drains, also those that have ended, until their servers are ready again or gone',
    responses: { 200: json(Drains, 'The drains.'), ...refusals },
  })
  api.openapi(list, (context) => context.json({ drains: [...operations.drains()] }, 200))

  const read = createRoute({
    ...reads,
    method: 'get',
    path,
    summary: 'The drain of a server',
    request: { params: ServerPath },
    responses: { 200: json(Drain, 'The drain.'), ...refusals },
  })
  api.openapi(read, (context) => {
    const { upstream, server } = context.req.valid('param')
    const { drain } = view.server(upstream, server)
    if (drain !== null) return context.json(drain, 200)
    const drained = operations.drains().map((one) => `${one.upstream}/${one.server}`)
    throw notFound(`there is no drain of ${upstream}/${server}`, `${upstream}/${server}`, drained)
  })

  const put = createRoute({
    ...writesOptionalJson,
    method: 'put',
    path,
    summary: 'Drains a server: it serves its sessions until the deadline, and no new ones',
    description: 'For a server that is drained already, another deadline and another end.',
    request: { params: ServerPath, headers: Preconditions, query: Force, body: jsonInBody(DrainOptions, false) },
    responses: { 200: json(Drain, 'It is being drained.'), ...refusals },
  })
  api.openapi(put, async (context) => {
    const { upstream, server } = context.req.valid('param')
    const { force, ...drain } = context.req.valid('json')
    const options = { ...optionsOf(context), ...(force !== undefined && { force }) }
    return context.json(await operations.drain(upstream, server, drain, options, context.env.caller), 200)
  })

  const end = createRoute({
    ...writes,
    method: 'delete',
    path,
    summary: 'Ends the drain: the server is ready again',
    request: { params: ServerPath, headers: Preconditions },
    responses: { 200: json(Applied, 'It is ready.'), ...refusals },
  })
  api.openapi(end, async (context) => {
    const { upstream, server } = context.req.valid('param')
    return context.json(await operations.undrain(upstream, server, optionsOf(context), context.env.caller), 200)
  })
}
