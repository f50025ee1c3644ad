import { createRoute, z } from '@hono/zod-openapi'
import { parse } from 'yaml'
import { Applied, Applies } from '../answers.ts'
import type { Operations } from '../operations.ts'
import { etagOf, names } from '../precondition.ts'
import {
  configInBody,
  type Descriptions,
  Force,
  json,
  optionsOf,
  Preconditions,
  type Resources,
  refusals,
} from '../resource.ts'

const YAML = 'application/yaml'

/** The whole configuration, and the changes of operators on top of it. */
export function addConfig(api: Resources, { reads, writes, writesConfig }: Descriptions, operations: Operations): void {
  const read = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/config',
    summary: 'The effective configuration, without secrets, as JSON or YAML',
    description: 'Each secret is a variable in it. Accept: application/yaml asks for YAML.',
    responses: {
      200: {
        description: 'The configuration, and its ETag.',
        content: {
          'application/json': { schema: z.record(z.string(), z.unknown()) },
          [YAML]: { schema: z.string() },
        },
      },
      304: { description: 'It is still the one that If-None-Match names.' },
      ...refusals,
    },
  })
  /** The text that was last asked for as JSON: to read one of 10,000 routes takes longer than half a second. */
  let last: { readonly text: string; readonly value: Record<string, unknown> } | undefined
  api.openapi(read, (context) => {
    const etag = etagOf(operations.revision)
    context.header('ETag', etag)
    context.header('Vary', 'Accept')
    const known = context.req.header('If-None-Match')
    if (known !== undefined && names(known, etag)) return context.body(null, 304)
    const text = operations.config()
    if (prefersYaml(context.req.header('Accept'))) return context.body(text, 200, { 'Content-Type': YAML })
    if (last?.text !== text) last = { text, value: parse(text) }
    return context.json(last.value, 200)
  })

  const history = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/applies',
    summary: 'The last 50 configurations that have come into effect, newest first',
    responses: { 200: json(Applies, 'What has changed with each.'), ...refusals },
  })
  api.openapi(history, async (context) => context.json({ applies: [...(await operations.applies())] }, 200))

  const put = createRoute({
    ...writesConfig,
    method: 'put',
    path: '/v1/config',
    summary: 'Puts a whole configuration into effect, in place of the file',
    request: {
      headers: Preconditions,
      query: Force.extend({
        changes: z.enum(['keep', 'reset']).optional().openapi({
          description: 'What becomes of the changes of operators. keep (the default): they lie on top of it.',
        }),
      }),
      body: configInBody,
    },
    responses: { 200: json(Applied, 'It is in effect.'), ...refusals },
  })
  api.openapi(put, async (context) => {
    const { changes = 'keep' } = context.req.valid('query')
    const options = { ...optionsOf(context), changes }
    return context.json(await operations.putConfig(context.get('text'), options, context.env.caller), 200)
  })

  const reload = createRoute({
    ...writes,
    method: 'post',
    path: '/v1/reload',
    summary: 'Reads the configuration again, as at the start, and puts it into effect',
    request: { headers: Preconditions },
    responses: { 200: json(Applied, 'It is in effect.'), ...refusals },
  })
  api.openapi(reload, async (context) =>
    context.json(await operations.reload(optionsOf(context), context.env.caller), 200),
  )

  const reset = createRoute({
    ...writes,
    method: 'post',
    path: '/v1/reset',
    summary: 'Drops all changes of operators, so that the configuration alone counts',
    request: { headers: Preconditions, query: Force },
    responses: { 200: json(Applied, 'They are dropped.'), ...refusals },
  })
  api.openapi(reset, async (context) =>
    context.json(await operations.reset('all', optionsOf(context), context.env.caller), 200),
  )
}

/** Whether YAML is named before JSON. Weights are not compared. */
function prefersYaml(accept = ''): boolean {
  const [yaml, others] = [accept.search(/\byaml\b/i), accept.search(/json|\*\/\*/i)]
  return yaml >= 0 && (others < 0 || yaml < others)
}
