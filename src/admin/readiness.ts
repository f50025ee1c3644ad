import type { IncomingMessage } from 'node:http'

/** What a load balancer is doing. */
export type Phase =
  /** It prepares, and no client is served yet. */
  | 'starting'
  | 'serving'
  /** Requests in flight finish; no more are accepted. */
  | 'stopping'
  /** Another process serves in place of this one, which finishes its requests in flight. */
  | 'replaced'

/** What `/readyz` says of. */
export interface Probed {
  readonly phase: Phase
  /** The current number of workers. */
  readonly workers: number
  /** A source of servers that has not answered yet, and is waited for. */
  readonly waitsFor: string | undefined
}

/** How the answer of `/readyz` begins that says why not. */
export const NOT_READY = 'not ready: '

/**
 * The answer to `/livez` or `/readyz`, for anybody; undefined if it asks for something else. Limpet lives if it answers, and is
 * ready if it serves clients, whatever the state of the servers behind it.
 */
export function answerToProbe({ method, url = '' }: IncomingMessage, probed: Probed): Response | undefined {
  const [path] = url.split('?', 1)
  if (path !== '/livez' && path !== '/readyz') return undefined
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET and HEAD', { Allow: 'GET, HEAD' })
  if (path === '/livez') return text(200, 'alive')
  const obstacle = obstacleOf(probed)
  return obstacle === undefined ? text(200, 'ready') : text(503, NOT_READY + obstacle)
}

function obstacleOf({ phase, workers, waitsFor }: Probed): string | undefined {
  if (phase === 'replaced') return 'replaced by another process'
  if (phase !== 'serving') return phase
  if (workers === 0) return 'no worker serves'
  return waitsFor === undefined ? undefined : `waiting for ${waitsFor}`
}

function text(status: number, line: string, headers: Readonly<Record<string, string>> = {}): Response {
  const own = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }
  return new Response(`${line}\n`, { status, headers: { ...own, ...headers } })
}
