import type { IncomingMessage, ServerResponse } from 'node:http'
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import type { Access, Caller } from './access.ts'
import { type Accepted, CONFIG_LIMIT, configTypes, JSON_LIMIT, readBody } from './body.ts'
import { OperationRefused } from './operation-refused.ts'
import type { WriteOptions } from './operations.ts'
import { PROBLEM_TYPE, Problem } from './problem.ts'

/** What a request brings besides itself. */
export interface Env {
  Bindings: {
    readonly incoming: IncomingMessage
    readonly outgoing: ServerResponse
    readonly caller: Caller
    /** Whether it is a browser that has signed in to the dashboard. */
    readonly isBrowser: boolean
  }
  Variables: {
    /** The body, where the resource takes a configuration. */
    text: string
  }
}

export type Resources = OpenAPIHono<Env>
type Step = MiddlewareHandler<Env>

/** The parts of a route's description that several have in common. */
export class Descriptions {
  /** Of a route that changes nothing. */
  readonly reads: { readonly middleware: Step[] }
  /** Of a route that changes something. */
  readonly writes: { readonly middleware: Step[] }
  /** … and takes JSON. */
  readonly writesJson: { readonly middleware: Step[] }
  /** … and takes JSON, or no body. */
  readonly writesOptionalJson: { readonly middleware: Step[] }
  /** Of a route that changes nothing, but takes JSON. */
  readonly readsJson: { readonly middleware: Step[] }
  /** … or no body. */
  readonly readsOptionalJson: { readonly middleware: Step[] }
  /** Of a route that takes a configuration, whose text is `context.get('text')`. */
  readonly writesConfig: { readonly middleware: Step[] }

  constructor(access: Access) {
    const may =
      (scope: 'read' | 'write'): Step =>
      (context, next) => {
        access.assertMay(scope, context.env.caller)
        return next()
      }
    this.reads = { middleware: [may('read')] }
    this.writes = { middleware: [may('write')] }
    this.readsJson = { middleware: [may('read'), takesJson('always')] }
    this.readsOptionalJson = { middleware: [may('read'), takesJson('perhaps')] }
    this.writesJson = { middleware: [may('write'), takesJson('always')] }
    this.writesOptionalJson = { middleware: [may('write'), takesJson('perhaps')] }
    this.writesConfig = { middleware: [may('write'), takesConfig] }
  }
}

const jsonBody: Accepted = { types: ['application/json'], limit: JSON_LIMIT }
const configBody: Accepted = { types: configTypes, limit: CONFIG_LIMIT }

const takesJson =
  (when: 'always' | 'perhaps'): Step =>
  async (context, next) => {
    const text = await readBody(context.env.incoming, context.env.outgoing, jsonBody)
    if (text === undefined && when === 'perhaps') return next()
    if (text === undefined) throw new OperationRefused('invalid', 'expected JSON in the body, found none')
    try {
      JSON.parse(text)
    } catch (error) {
      throw new OperationRefused('invalid', `the body is not JSON: ${(error as Error).message}`)
    }
    context.req.raw = new Request(context.req.raw, { body: text })
    return next()
  }

const takesConfig: Step = async (context, next) => {
  const text = await readBody(context.env.incoming, context.env.outgoing, configBody)
  if (text === undefined) throw new OperationRefused('invalid', 'expected a configuration in the body, found none')
  context.set('text', text)
  return next()
}

/** The description of a body that is a configuration. `limpet.schema.json` describes what is in it. */
export const configInBody = {
  required: true,
  content: {
    'application/json': { schema: { type: 'object' } },
    'application/yaml': { schema: { type: 'string' } },
  },
} as const

/** The description of an answer in JSON. */
export const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  content: { 'application/json': { schema } },
  description,
})

/** The description of an answer of server-sent events. */
export const serverSentEvents = {
  description: 'The events.',
  content: { 'text/event-stream': { schema: z.string() } },
} as const

/** Answers with a stream of server-sent events, which is opened only for a client that reads it. */
export function answerWithEvents(context: Context<Env>, open: () => ReadableStream<Uint8Array>) {
  context.header('Content-Type', 'text/event-stream')
  if (context.req.method === 'HEAD') return context.body(null, 200)
  return context.body(open(), 200)
}

/** The description of a body in JSON. */
export const jsonInBody = <Schema extends z.ZodType, Required extends boolean>(schema: Schema, required: Required) => ({
  required,
  content: { 'application/json': { schema } },
})

/** The description of all answers that are none of a route's own. */
export const refusals = {
  default: {
    description: 'It was refused, and nothing has changed.',
    content: { [PROBLEM_TYPE]: { schema: Problem } },
  },
} as const

/** Which server, in a path. */
export const ServerPath = z.object({
  upstream: z.string().openapi({ example: 'app' }),
  server: z.string().openapi({ example: 'web-1', description: 'The name of the server.' }),
})

/** Which upstream, in a path. */
export const UpstreamPath = z.object({ upstream: z.string().openapi({ example: 'app' }) })

/** The headers of a change. */
export const Preconditions = z.object({
  'if-match': z
    .string()
    .optional()
    .openapi({ description: 'The ETag of what is to be changed: 412 if it has changed since.' }),
})

/** Whether a change may leave an upstream without a server. */
export const Force = z.strictObject({
  force: z
    .enum(['true', 'false', ''])
    .optional()
    .openapi({ description: 'true: even if no server is left that may serve.' }),
})

/** The options of a change, from its headers and its query. */
export function optionsOf({ req }: Context<Env>): WriteOptions {
  const force = req.query('force')
  return {
    ifMatch: req.header('If-Match'),
    ifNoneMatch: req.header('If-None-Match'),
    ...(force !== undefined && { force: force !== 'false' }),
  }
}
