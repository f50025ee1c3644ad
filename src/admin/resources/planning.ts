import { createRoute } from '@hono/zod-openapi'
import { Explanation, Plan, PlannedChange, type Planning, Query } from '../planning.ts'
import { configInBody, type Descriptions, json, jsonInBody, type Resources, refusals, ServerPath } from '../resource.ts'

/** What would happen. */
export function addPlanning(api: Resources, { readsJson, writesConfig }: Descriptions, planning: Planning): void {
  // A configuration may refer to the variables of the process, and its plan shows them: that takes more than reading.
  const plan = createRoute({
    ...writesConfig,
    method: 'post',
    path: '/v1/plan',
    summary: 'What a configuration would change, and which sessions would move',
    request: { body: configInBody },
    responses: { 200: json(Plan, 'The plan. Nothing has changed.'), ...refusals },
  })
  api.openapi(plan, async (context) => context.json(await planning.plan(context.get('text')), 200))

  const planServer = createRoute({
    ...readsJson,
    method: 'post',
    path: '/v1/upstreams/{upstream}/servers/{server}/plan',
    summary: 'What a change of a server would do, and which sessions would move',
    request: { params: ServerPath, body: jsonInBody(PlannedChange, true) },
    responses: { 200: json(Plan, 'The plan. Nothing has changed.'), ...refusals },
  })
  api.openapi(planServer, async (context) => {
    const { upstream, server } = context.req.valid('param')
    return context.json(await planning.planServer(upstream, server, context.req.valid('json')), 200)
  })

  const explain = createRoute({
    ...readsJson,
    method: 'post',
    path: '/v1/explain',
    summary: 'Where a request would go, and why',
    request: { body: jsonInBody(Query, true) },
    responses: { 200: json(Explanation, 'The explanation. No request was sent.'), ...refusals },
  })
  api.openapi(explain, async (context) => context.json(await planning.explain(context.req.valid('json')), 200))
}
