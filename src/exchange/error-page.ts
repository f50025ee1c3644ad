import { reasonPhrases } from '../http1/reason-phrase.ts'
import { prefersJson } from './accept.ts'
import type { Failure } from './failure.ts'
import type { OwnResponse } from './own-response.ts'

/** The content of an error page besides the failure. */
interface Particulars {
  readonly requestId: string
  /** The request's Accept field; empty if there is none. */
  readonly accept: string
  readonly fields?: string
  readonly isToHead?: boolean
}

/** A short response for the client: JSON if it prefers that, else HTML. */
export function errorPage(
  failure: Failure,
  { requestId, accept, fields = '', isToHead = false }: Particulars,
): OwnResponse {
  const { status } = failure
  const json = prefersJson(accept)
  const body = Buffer.from(json ? asJson(failure, requestId) : asHtml(failure, requestId))
  const lines = [
    `Content-Type: ${json ? 'application/json' : 'text/html; charset=utf-8'}`,
    ...(failure.retryAfter === undefined ? [] : [`Retry-After: ${failure.retryAfter}`]),
    ...failure.lines,
  ]
  return { status, requestId, lines, fields, body, isToHead, isLast: failure.code === 'bad-request' }
}

function asJson(failure: Failure, requestId: string): string {
  const { status, code, text } = failure
  return `${JSON.stringify({ error: { status, code, message: text, ...(requestId === '' ? {} : { requestId }) } })}\n`
}

function asHtml(failure: Failure, requestId: string): string {
  const title = reasonPhrases[failure.status] ?? 'Error'
  const id = requestId === '' ? '' : `<p><small>Request ${escapeHtml(requestId)}</small></p>`
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${failure.status} ${title}</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1.5rem}h1{font-size:1.5rem;margin:0}small{opacity:.6}</style>
<h1>${failure.status} ${title}</h1>
<p>${escapeHtml(failure.text)}.</p>
${id}
</html>
`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
