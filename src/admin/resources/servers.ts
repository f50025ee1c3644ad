import { createRoute } from '@hono/zod-openapi'
import { Applied, Servers, ServerWithSettings } from '../answers.ts'
import type { Operations } from '../operations.ts'
import { etagOf } from '../precondition.ts'
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
  UpstreamPath,
} from '../resource.ts'
import { ServerChange, ServerSettings } from '../server-settings.ts'
import type { View } from '../view.ts'

const path = '/v1/upstreams/{upstream}/servers/{server}'

/** The servers of an upstream. */
export function addServers(
  api: Resources,
  { reads, writes, writesJson }: Descriptions,
  view: View,
  operations: Operations,
): void {
  const list = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/upstreams/{upstream}/servers',
    summary: 'The servers of an upstream',
    request: { params: UpstreamPath },
    responses: { 200: json(Servers, 'The servers, in the order of the configuration.'), ...refusals },
  })
  api.openapi(list, (context) => {
    const { servers } = view.existingUpstream(context.req.valid('param').upstream)
    return context.json({ servers }, 200)
  })

  const read = createRoute({
    ...reads,
    method: 'get',
    path,
    summary: 'One server, with its settings',
    request: { params: ServerPath },
    responses: { 200: json(ServerWithSettings, 'The server. Its ETag is that of its settings.'), ...refusals },
  })
  api.openapi(read, (context) => {
    const { upstream, server } = context.req.valid('param')
    const shown = view.server(upstream, server)
    context.header('ETag', etagOf(shown.settings))
    return context.json(shown, 200)
  })

  const put = createRoute({
    ...writesJson,
    method: 'put',
    path,
    summary: 'Adds a server, or replaces all its settings',
    description: 'If-None-Match: * only adds, If-Match: * only replaces.',
    request: { params: ServerPath, headers: Preconditions, query: Force, body: jsonInBody(ServerSettings, true) },
    responses: {
      200: json(Applied, 'It has these settings.'),
      201: json(Applied, 'It was added.'),
      ...refusals,
    },
  })
  api.openapi(put, async (context) => {
    const { upstream, server } = context.req.valid('param')
    const settings = context.req.valid('json')
    const { created, ...applied } = await operations.putServer(
      upstream,
      server,
      settings,
      optionsOf(context),
      context.env.caller,
    )
    return context.json(applied, created ? 201 : 200)
  })

  const patch = createRoute({
    ...writesJson,
    method: 'patch',
    path,
    summary: 'Changes some settings of a server',
    description: 'Another name is a new name for the same server: it keeps its sessions.',
    request: { params: ServerPath, headers: Preconditions, query: Force, body: jsonInBody(ServerChange, true) },
    responses: { 200: json(Applied, 'It has these settings.'), ...refusals },
  })
  api.openapi(patch, async (context) => {
    const { upstream, server } = context.req.valid('param')
    const change = context.req.valid('json')
    const applied = await operations.changeServer(upstream, server, change, optionsOf(context), context.env.caller)
    return context.json(applied, 200)
  })

  const remove = createRoute({
    ...writes,
    method: 'delete',
    path,
    summary: 'Removes a server; its exchanges in flight finish',
    request: { params: ServerPath, headers: Preconditions, query: Force },
    responses: { 200: json(Applied, 'It is gone.'), ...refusals },
  })
  api.openapi(remove, async (context) => {
    const { upstream, server } = context.req.valid('param')
    return context.json(await operations.removeServer(upstream, server, optionsOf(context), context.env.caller), 200)
  })

  const reset = createRoute({
    ...writes,
    method: 'post',
    path: `${path}/reset`,
    summary: 'Drops the changes of operators to a server, so that the configuration alone counts',
    request: { params: ServerPath, headers: Preconditions, query: Force },
    responses: { 200: json(Applied, 'They are dropped.'), ...refusals },
  })
  api.openapi(reset, async (context) => {
    const target = context.req.valid('param')
    return context.json(await operations.reset(target, optionsOf(context), context.env.caller), 200)
  })
}
