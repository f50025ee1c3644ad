import type { Problem } from '../config/error.ts'
import type { Filter } from '../config/filter.ts'
import { type Directive, directive } from './directive.ts'
import type { Standing } from './exported-filter.ts'
import { when } from './refusal.ts'
import { nginxText } from './template.ts'

type Answering = Extract<Filter, { type: 'redirect' | 'respond' }>

/** In bytes: nginx reads words of at most 4,096, with their escapes. */
const LONGEST_TEXT = 2000

/** `return`, which answers every request. */
export function exportAnswer({ filter }: Standing<Answering>): Directive[] {
  if (filter.type === 'redirect') return [directive('return', filter.status, nginxText(filter.to)!)]
  return [directive('default_type', 'text/plain; charset=utf-8'), directive('return', filter.status, filter.body ?? '')]
}

/** What of such a filter nginx cannot express. */
export function inexpressibleAnswer({ filter, path }: Standing<Answering>, others: number): Problem[] {
  return [
    ...when(
      others > 0,
      `${path}.${filter.type}`,
      'nginx answers with return before anything else in a location',
      'let it be the only filter of the route',
    ),
    ...(filter.type === 'redirect'
      ? when(
          nginxText(filter.to) === undefined,
          `${path}.redirect.to`,
          'nginx has no such variable, or no $ in a text',
          'use client.address, request.host, request.target and the like',
        )
      : inexpressibleResponse(filter, path)),
  ]
}

function inexpressibleResponse(filter: Extract<Filter, { type: 'respond' }>, path: string): Problem[] {
  const { status, headers, body = '', file } = filter
  return [
    ...when(
      [301, 302, 303, 307, 308, 418, 444].includes(status) || (status >= 494 && status <= 499),
      `${path}.respond.status`,
      `nginx has a meaning of its own for return ${status}`,
      'use another status',
    ),
    ...when(headers.length > 0, `${path}.respond.headers`, 'the export writes no headers of answers', 'leave them out'),
    ...when(file !== undefined, `${path}.respond.file`, 'the export copies no files', 'write its text as body'),
    ...when(
      file === undefined &&
        (body.includes('$') || Buffer.byteLength(body) > LONGEST_TEXT || (body === '' && status >= 400)),
      `${path}.respond.body`,
      'nginx has no $ in a text, no long ones, and a page of its own in place of an empty one',
      `write a body of at most ${LONGEST_TEXT} bytes without $`,
    ),
  ]
}
