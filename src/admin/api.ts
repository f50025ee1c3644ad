import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { Problem, Status, Upstream, Upstreams } from './answers.ts'
import type { Subject } from './subject.ts'
import { View } from './view.ts'

const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  content: { 'application/json': { schema } },
  description,
})

const statusRoute = createRoute({
  method: 'get',
  path: '/v1/status',
  summary: 'The program: its version, its workers, where it listens',
  responses: { 200: json(Status, 'The program.') },
})

const upstreamsRoute = createRoute({
  method: 'get',
  path: '/v1/upstreams',
  summary: 'All upstreams, with their servers and the sessions of each',
  responses: { 200: json(Upstreams, 'The upstreams, in the order of the configuration.') },
})

const upstreamRoute = createRoute({
  method: 'get',
  path: '/v1/upstreams/{name}',
  summary: 'One upstream',
  request: { params: z.object({ name: z.string().openapi({ example: 'app' }) }) },
  responses: { 200: json(Upstream, 'The upstream.'), 404: json(Problem, 'There is none of that name.') },
})

/**
 * Names of this machine itself. Other names are refused, so that a page in a browser cannot reach the API through a
 * name of its own (DNS rebinding).
 */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i

/** The admin API. It reveals no secret and changes nothing. */
export function adminApi(subject: Subject): OpenAPIHono {
  const view = new View(subject)
  const api = new OpenAPIHono()
  api.use(async (context, next) => {
    context.header('Cache-Control', 'no-store')
    if (!LOOPBACK.test(context.req.header('Host') ?? '')) {
      return problem(context, 403, 'forbidden', 'the admin API is asked for by a loopback address, or as localhost')
    }
    if (!['GET', 'HEAD'].includes(context.req.method)) {
      context.header('Allow', 'GET, HEAD')
      return problem(context, 405, 'method-not-allowed', 'the admin API is there to be read only')
    }
    return next()
  })
  api.openapi(statusRoute, (context) => context.json(view.status(), 200))
  api.openapi(upstreamsRoute, (context) => context.json({ upstreams: view.upstreams() }, 200))
  api.openapi(upstreamRoute, (context) => {
    const { name } = context.req.valid('param')
    const upstream = view.upstream(name)
    if (upstream !== undefined) return context.json(upstream, 200)
    const names = subject.snapshot.upstreams.map((one) => one.name)
    return context.json(answer('not-found', `there is no upstream ${name}, only ${names.join(', ')}`), 404)
  })
  api.doc31('/v1/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Limpet', version: subject.version, description: 'The admin API of Limpet.' },
  })
  api.notFound((context) => problem(context, 404, 'not-found', `there is no ${context.req.path}; see /v1/openapi.json`))
  api.onError((error, context) => problem(context, 500, 'internal', error.message))
  return api
}

function problem(context: Context, status: 403 | 404 | 405 | 500, code: Problem['error']['code'], message: string) {
  return context.json(answer(code, message), status)
}

function answer(code: Problem['error']['code'], message: string): Problem {
  return { error: { code, message } }
}
