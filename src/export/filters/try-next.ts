import { directive } from '../directive.ts'
import type { FilterExport, Of } from './filter-export.ts'

export const tryNext: FilterExport<Of<'tryNext'>> = {
  isOnly: true,
  directives: ({ filter: { statuses } }) => ({
    passing: [directive('proxy_next_upstream', 'error', 'timeout', ...statuses.map((status) => `http_${status}`))],
  }),
  problems: () => [],
}
