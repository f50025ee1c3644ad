import { directive } from '../directive.ts'
import { when } from '../refusal.ts'
import type { FilterExport, Of } from './filter-export.ts'

const BUFFER = 65_536

export const bufferResponse: FilterExport<Of<'bufferResponse'>> = {
  isOnly: true,
  directives: ({ filter: { memory, disk } }) => ({
    passing: [
      directive('proxy_buffering', 'on'),
      directive('proxy_buffers', Math.max(4, Math.ceil(memory / BUFFER)), '64k'),
      directive('proxy_max_temp_file_size', disk),
    ],
  }),
  problems: ({ filter: { disk }, path }) =>
    when(disk > 0 && disk < 2 * BUFFER, `${path}.disk`, 'nginx writes files in pieces of 128 kB', 'write 0B, or more'),
}
