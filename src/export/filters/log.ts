import { directive } from '../directive.ts'
import { when } from '../refusal.ts'
import type { FilterExport, Of } from './filter-export.ts'

export const log: FilterExport<Of<'log'>> = {
  directives: () => ({ response: [directive('access_log', 'off')] }),
  problems: ({ filter, path }) =>
    when(
      !isOff(filter),
      path,
      'nginx logs all requests of a location alike, or none',
      'write log: off, or leave it out',
    ),
}

function isOff({ sample, add, remove, headers, redact, redactHeaders }: Of<'log'>): boolean {
  return sample === 0 && [add, remove, headers, redact, redactHeaders].every((list) => list === undefined)
}
