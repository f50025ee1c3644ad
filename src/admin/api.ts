import { OpenAPIHono } from '@hono/zod-openapi'
import type { Access } from './access.ts'
import type { Administered } from './administered.ts'
import type { SignIns } from './dashboard/sign-ins.ts'
import { EventStream } from './event-stream.ts'
import { OperationRefused } from './operation-refused.ts'
import { answerTo, refusalOf } from './problem.ts'
import { RequestStream } from './request-stream.ts'
import { Descriptions, type Env, type Resources } from './resource.ts'
import { addBans } from './resources/bans.ts'
import { addConfig } from './resources/config.ts'
import { addDrains } from './resources/drains.ts'
import { addEvents } from './resources/events.ts'
import { addMetrics } from './resources/metrics.ts'
import { addPause } from './resources/pause.ts'
import { addPlanning } from './resources/planning.ts'
import { describeProbes } from './resources/probes.ts'
import { addRequests } from './resources/requests.ts'
import { addServers } from './resources/servers.ts'
import { addSessions } from './resources/sessions.ts'
import { addSigningIn } from './resources/signing-in.ts'
import { addSources } from './resources/sources.ts'
import { addStatus } from './resources/status.ts'
import { addTraffic } from './resources/traffic.ts'
import { addUpgrade } from './resources/upgrade.ts'
import { addUpstreams } from './resources/upstreams.ts'
import { TrafficStream } from './traffic-stream.ts'
import { View } from './view.ts'

/**
 * All resources of the admin API. No answer has a secret, a session's key or a cookie in it.
 *
 * @param ending aborted when streams are to end
 */
export function adminApi(
  { subject, operations, planning, bans, events, traffic, tail, metrics }: Administered,
  access: Access,
  signIns: SignIns,
  report: (bug: unknown) => void,
  ending: AbortSignal,
): Resources {
  const view = new View(subject, operations)
  const api: Resources = new OpenAPIHono<Env>({
    defaultHook(result) {
      if (!result.success) throw mistakesIn(result.target, result.error.issues)
    },
  })
  api.use(async (context, next) => {
    await next()
    context.header('Cache-Control', 'no-store')
  })
  const descriptions = new Descriptions(access)
  addStatus(api, descriptions, view)
  addConfig(api, descriptions, operations)
  addUpstreams(api, descriptions, view)
  addServers(api, descriptions, view, operations)
  addSources(api, descriptions, view)
  addDrains(api, descriptions, view, operations)
  addPause(api, descriptions, operations)
  addBans(api, descriptions, bans)
  addSessions(api, descriptions, view)
  addPlanning(api, descriptions, planning)
  addUpgrade(api, descriptions, operations)
  addEvents(api, descriptions, new EventStream(events, ending))
  addTraffic(api, descriptions, view, traffic, new TrafficStream(traffic, ending))
  addRequests(api, descriptions, planning, new RequestStream(tail, ending))
  addMetrics(api, descriptions, metrics)
  describeProbes(api)
  addSigningIn(api, descriptions, signIns)
  api.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' })
  const read = descriptions.reads.middleware[0]!
  api.get('/v1/openapi.json', read, (context) => context.json(documentOf(api, subject.version)))
  const known = methodsByPath(api)
  api.notFound(({ req, env }) => {
    const allowed = known.find(({ pattern }) => pattern.test(req.path))?.methods
    if (allowed === undefined) {
      return answerTo(new OperationRefused('not-found', `there is no ${req.path}; see /v1/openapi.json`))
    }
    const detail = `${req.path} has no method ${env.incoming.method}, only ${allowed}`
    return answerTo(new OperationRefused('method-not-allowed', detail), { Allow: allowed })
  })
  api.onError((error) => answerTo(refusalOf(error, report)))
  return api
}

/** The description of the API (OpenAPI 3.1), made from the schemas that also type its answers. */
export function documentOf(api: Resources, version: string) {
  return api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Limpet',
      version,
      description: 'The admin API of Limpet.',
      license: { name: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{}, { token: [] }],
  })
}

/** Which methods each path has, as `Allow` names them. */
function methodsByPath({ routes }: Resources): readonly { readonly pattern: RegExp; readonly methods: string }[] {
  const paths = Map.groupBy(
    routes.filter(({ method }) => method !== 'ALL'),
    ({ path }) => path,
  )
  return Array.from(paths, ([path, own]) => {
    const methods = new Set(own.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))
    return {
      pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`),
      methods: [...methods].join(', '),
    }
  })
}

/** What a schema did not accept: a header, the query, or the body. */
function mistakesIn(
  target: string,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
) {
  const where = target === 'json' ? 'body' : target
  const problems = issues.map(({ path, message }) => ({ where, path: path.map(String).join('.'), message }))
  const [first] = problems
  const detail = [where, first?.path, first?.message].filter((part) => part !== undefined && part !== '').join(': ')
  return new OperationRefused('invalid', detail, problems)
}
