import { directive } from '../directive.ts'
import { when } from '../refusal.ts'
import { isConditional } from '../route.ts'
import type { FilterExport, Of, Standing } from './filter-export.ts'

type BufferRequest = Of<'bufferRequest'>

/** nginx reads into a buffer of at least this size. */
const LEAST = 8192

export const bufferRequest: FilterExport<BufferRequest> = {
  isOnly: true,
  directives: (standing) => ({
    passing: [
      directive('proxy_request_buffering', 'on'),
      directive('client_body_buffer_size', Math.max(LEAST, standing.filter.memory)),
      ...(limits(standing) ? [directive('client_max_body_size', largest(standing.filter))] : []),
    ],
  }),
  problems: (standing) =>
    when(
      limits(standing) && standing.config.routes.some(isConditional),
      standing.path,
      'nginx limits bodies before it looks at methods and headers of routes',
      'export it only where no route has methods or headers, or set limits.bodySize to no more than it takes',
    ),
}

function largest({ memory, disk }: BufferRequest): number {
  return memory + disk
}

/** Whether it refuses bodies that the route allows. */
function limits({ filter, route, config }: Standing<BufferRequest>): boolean {
  const allowed = route.bodyLimit ?? config.limits.bodySize
  return allowed === 0 || allowed > largest(filter)
}
