import { z } from '@hono/zod-openapi'
import { OperationRefused, type ProblemCode } from './operation-refused.ts'

/** The status and the title of each kind of problem. */
const kinds = {
  invalid: [400, 'The request is not valid'],
  unauthorized: [401, 'A token is needed'],
  forbidden: [403, 'This is not allowed'],
  'not-found': [404, 'There is no such thing'],
  'method-not-allowed': [405, 'There is no such method'],
  timeout: [408, 'The request took too long to arrive'],
  conflict: [409, 'This contradicts the present state'],
  'last-server': [409, 'No server would be left that may serve'],
  stale: [412, 'It has changed since'],
  'too-large': [413, 'The body is too large'],
  'unsupported-media-type': [415, 'The body has another type'],
  'not-kept': [500, 'The change cannot be saved, and was not made'],
  failed: [500, 'It was tried, and failed'],
  busy: [503, 'Too many ask at the same time'],
  'not-serving': [503, 'The load balancer does not serve'],
  internal: [500, 'This is a bug in Limpet'],
} as const satisfies Record<ProblemCode, readonly [number, string]>

export const PROBLEM_TYPE = 'application/problem+json'

/** Problem details (RFC 9457). */
export const Problem = z
  .object({
    type: z.string().openapi({ example: '/problems/stale', description: 'The kind of problem.' }),
    title: z.string().openapi({ description: 'The same for each problem of that kind.' }),
    status: z.int(),
    detail: z.string().openapi({ description: 'What is wrong here, and how to fix it.' }),
    problems: z
      .array(
        z.object({
          where: z.string().openapi({ description: 'Where it is: a line of a file, or the body.' }),
          path: z.string().openapi({ description: 'The path of the key; empty for the whole value.' }),
          message: z.string(),
          hint: z.string().optional().openapi({ description: 'How to fix it.' }),
        }),
      )
      .optional()
      .openapi({ description: 'Each mistake in what was sent.' }),
  })
  .openapi('Problem')

export type Problem = z.output<typeof Problem>

export function problemOf({ code, message, problems }: OperationRefused): Problem {
  const [status, title] = kinds[code]
  const mistakes = problems.map(({ where, path, message, hint }) => ({ where, path, message, ...(hint && { hint }) }))
  return {
    type: `/problems/${code}`,
    title,
    status,
    detail: message,
    ...(mistakes.length > 0 && { problems: mistakes }),
  }
}

/** The error as a refusal: anything that was not meant as one is a bug, which is reported. */
export function refusalOf(error: unknown, report: (bug: unknown) => void): OperationRefused {
  if (error instanceof OperationRefused) return error
  report(error)
  return new OperationRefused('internal', error instanceof Error ? error.message : String(error))
}

/** The answer that says so. */
export function answerTo(refusal: OperationRefused, headers: Readonly<Record<string, string>> = {}): Response {
  const problem = problemOf(refusal)
  const challenge = challenges[refusal.code]
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      'Content-Type': PROBLEM_TYPE,
      'Cache-Control': 'no-store',
      ...(challenge !== undefined && { 'WWW-Authenticate': challenge }),
      ...(refusal.code === 'busy' && { 'Retry-After': '10' }),
      ...headers,
    },
  })
}

/** RFC 6750, 3. */
const challenges: Partial<Record<ProblemCode, string>> = {
  unauthorized: 'Bearer realm="limpet"',
}
