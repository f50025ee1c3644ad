import type { Problem } from '../../config/error.ts'
import { block, type Directive, directive } from '../directive.ts'
import { when } from '../refusal.ts'
import { nginxText } from '../template.ts'
import type { FilterExport, Of } from './filter-export.ts'
import { addTemplate, isPlainName, OWN_HEADERS } from './response-header.ts'

type Respond = Of<'respond'>

/** In bytes: nginx reads words of at most 4,096, with their escapes. */
const LONGEST_TEXT = 2000

const TYPE = 'content-type'

/** `return` with a text. */
export const respond: FilterExport<Respond> = {
  directives: ({ filter: { status, headers, body = '' } }) => ({
    answer: [
      ...headers.filter(({ name }) => name.toLowerCase() !== TYPE).map(addTemplate),
      ...textAnswer(status, typeOf(headers) ?? 'text/plain; charset=utf-8', body),
    ],
  }),
  problems: ({ filter: { status, headers, body, file }, path }) => [
    ...when(
      [301, 302, 303, 307, 308, 418, 444].includes(status) || (status >= 494 && status <= 499),
      `${path}.status`,
      `nginx has a meaning of its own for return ${status}`,
      'use another status',
    ),
    ...when(
      headers.some(({ name, value }) => nginxText(value) === undefined || !isPlainName(name)) ||
        headers.some(({ name }) => OWN_HEADERS.includes(name.toLowerCase()) && name.toLowerCase() !== TYPE),
      `${path}.headers`,
      'nginx has no such variable, no $ in a text, no empty headers, and writes some headers itself',
      `leave out ${OWN_HEADERS.filter((name) => name !== TYPE).join(', ')}`,
    ),
    ...when(
      headers.some(({ name, value }) => name.toLowerCase() === TYPE && typeof value[0] !== 'string'),
      `${path}.headers.Content-Type`,
      'nginx has no variables in the type of an answer',
      'write it without',
    ),
    ...inexpressiblePage({ body, file }, path),
    ...when(
      file === undefined && (body ?? '') === '' && status >= 400,
      `${path}.body`,
      'nginx has a page of its own in place of an empty one',
      'write a body',
    ),
  ],
  changes: ({ headers }) =>
    headers.map(({ name }) => `response ${name.toLowerCase()}`).filter((name) => !name.endsWith(TYPE)),
}

/** An answer with that text. Without the empty list of types, the type would be that of the path's extension. */
export function textAnswer(status: number, type: string, body: string): Directive[] {
  return [block('types', [], []), directive('default_type', type), directive('return', status, body)]
}

/** Refuses what `return` cannot answer. */
export function inexpressiblePage(
  { body = '', file }: { readonly body?: string | undefined; readonly file?: string | undefined },
  path: string,
): Problem[] {
  return [
    ...when(file !== undefined, `${path}.file`, 'the export copies no files', 'write its text as body'),
    ...when(
      body.includes('$') || Buffer.byteLength(body) > LONGEST_TEXT,
      `${path}.body`,
      'nginx has no $ in a text, and no long ones',
      `write a body of at most ${LONGEST_TEXT} bytes without $`,
    ),
  ]
}

function typeOf(headers: Respond['headers']): string | undefined {
  const found = headers.find(({ name }) => name.toLowerCase() === TYPE)
  return found && nginxText(found.value)
}
