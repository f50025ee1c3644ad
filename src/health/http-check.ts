import type { HttpCheck } from '../runtime/health-settings.ts'
import type { Access } from './access.ts'
import type { OwnResponse } from './own-message.ts'
import { sendOwnRequest } from './own-request.ts'
import { failureOf, type Verdict } from './verdict.ts'

/** How much of the response's body is searched, in bytes. */
const MAX_BODY = 64 * 1024

/** Sends the check's request, on a new connection, and judges the response. `signal` aborts it. */
export async function checkHttp(check: HttpCheck, access: Access, signal: AbortSignal): Promise<Verdict> {
  const { method, path, headers } = check
  const what = `${method} ${path}`
  const request = { method, path, headers: { 'user-agent': 'limpet-check', ...headers } }
  const verdict = (response: OwnResponse) => new Promise<Verdict>((conclude) => judge(check, response, what, conclude))
  try {
    return await sendOwnRequest(request, access, signal, verdict)
  } catch (error) {
    return failureOf(what, error as Error, signal)
  }
}

/** Calls `conclude` once it is known whether the response passes. */
function judge(
  { status, body }: HttpCheck,
  response: OwnResponse,
  what: string,
  conclude: (verdict: Verdict) => void,
): void {
  const code = response.status
  const answered = `${what} answered ${code}`
  const passed = status.some(({ from, to }) => code >= from && code <= to)
  if (!passed || body === undefined) return conclude({ passed, cause: answered })
  const missing = { passed: false, cause: `${answered} without ${JSON.stringify(body)} in its body` }
  const read = Buffer.alloc(MAX_BODY)
  let length = 0
  response.body.on('data', (chunk: Buffer) => {
    // Bytes that were searched are not searched again, except for the last ones, where the text may have begun.
    const from = Math.max(0, length - Buffer.byteLength(body))
    length += chunk.copy(read, length)
    if (read.subarray(from, length).includes(body)) conclude({ passed: true, cause: answered })
    else if (length === MAX_BODY) conclude(missing)
  })
  response.body.on('end', () => conclude(missing))
}
