import { securityHeaders as headersOf } from '../../config/filters/security-headers.ts'
import { when } from '../refusal.ts'
import { nginxText } from '../template.ts'
import type { FilterExport, Of } from './filter-export.ts'
import { addAbsent } from './response-header.ts'

export const securityHeaders: FilterExport<Of<'securityHeaders'>> = {
  directives: ({ filter, word }) => addAbsent(headersOf(filter), word),
  problems: ({ filter, path }) =>
    when(
      headersOf(filter).some(({ value }) => nginxText(value) === undefined),
      path,
      'nginx has no $ in a text',
      'leave it out',
    ),
  changes: (filter) => headersOf(filter).map(({ name }) => `response ${name.toLowerCase()}`),
}
