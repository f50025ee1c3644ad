import { MessageError } from '../http1/message-error.ts'
import type { Query } from './answers.ts'

/**
 * The head of a request as a client would send it, so that everything that reads heads reads this one, too.
 *
 * @throws MessageError for a line break within a line
 */
export function requestBytes({ method = 'GET', path, host, headers = {}, cookies = {} }: Query): Buffer {
  const pairs = Object.entries(cookies).map(([name, value]) => `${name}=${value}`)
  const lines = [
    // Only HTTP/1.0 lets a request do without a host.
    ...(host === undefined ? [`${method} ${path} HTTP/1.0`] : [`${method} ${path} HTTP/1.1`, `Host: ${host}`]),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(pairs.length > 0 ? [`Cookie: ${pairs.join('; ')}`] : []),
  ]
  if (lines.some((line) => /[\r\n]/.test(line))) throw new MessageError('there is a line break in it')
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
}
