import type {
  Applied,
  Apply,
  Me,
  ServerWithSettings,
  SessionNumbers,
  Status,
  Upstream,
  Upstreams,
} from '../../src/admin/answers.ts'
import type { Drain } from '../../src/admin/drain.ts'
import type { Explanation, Plan } from '../../src/admin/planning.ts'
import type { Problem } from '../../src/admin/problem.ts'
import type { RecentReasons, TrafficHistory } from '../../src/admin/traffic.ts'

/** What GET answers, by path. */
export interface Answers {
  '/v1/status': Status
  '/v1/upstreams': Upstreams
  '/v1/sessions': SessionNumbers
  '/v1/drains': { readonly drains: readonly Drain[] }
  '/v1/traffic': TrafficHistory
  '/v1/reasons': RecentReasons
  '/v1/applies': { readonly applies: readonly Apply[] }
  '/v1/me': Me
  [upstream: `/v1/upstreams/${string}/`]: Upstream
}

/** The API has refused, or was not reached: then `status` is 0. */
export class ApiError extends Error {
  readonly status: number
  readonly title: string

  constructor(status: number, title: string, detail: string) {
    super(detail)
    this.status = status
    this.title = title
  }
}

/** How long an answer may take, in ms: of what is there, and of a change, which all workers confirm. */
const READ_WITHIN = 8000
const CHANGE_WITHIN = 60_000

/** @throws ApiError */
export async function get<Path extends keyof Answers & string>(path: Path, query = ''): Promise<Answers[Path]> {
  return (await (await send('GET', `${path}${query}`, undefined, READ_WITHIN)).json()) as Answers[Path]
}

/**
 * Asks in a given media type.
 *
 * @throws ApiError
 */
export async function getText(path: string, type: string): Promise<{ readonly text: string; readonly etag: string }> {
  const response = await send('GET', path, undefined, READ_WITHIN, { Accept: type })
  return { text: await response.text(), etag: response.headers.get('ETag') ?? '' }
}

/**
 * Changes something, or asks for something that needs a body.
 *
 * @throws ApiError
 */
export async function change<Answer = Applied>(
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return (await (await send(method, path, body, CHANGE_WITHIN, headers)).json()) as Answer
}

/** `/v1/upstreams/app/servers/web-1`, with what the names need to be escaped. */
export function pathOfServer(upstream: string, server: string): `/v1/upstreams/${string}` {
  return `/v1/upstreams/${encodeURIComponent(upstream)}/servers/${encodeURIComponent(server)}`
}

async function send(
  method: string,
  path: string,
  body: unknown,
  within: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path.slice(1), {
      method,
      headers: {
        Accept: 'application/json',
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(within),
    })
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === 'TimeoutError'
    throw new ApiError(0, 'No answer', isLate ? 'Limpet has not answered in time.' : 'Limpet cannot be reached.')
  }
  if (response.ok) return response
  throw await errorOf(response)
}

/** The refusal in a response. */
export async function errorOf(response: Response): Promise<ApiError> {
  const problem = (await response.json().catch(() => ({}))) as Partial<Problem>
  const title = problem.title ?? `Status ${response.status}`
  return new ApiError(response.status, title, problem.detail ?? 'Limpet has refused, without a reason.')
}

export type { Apply, Explanation, Me, Plan, ServerWithSettings }
