import { z } from 'zod'
import { boundedSize } from '../field.ts'

export const BufferRequestFilter = z
  .strictObject({
    memory: boundedSize(0, 1_000_000_000).prefault('1MB').describe('How much of each body is kept in memory.'),
    disk: boundedSize(0, 1_000_000_000_000)
      .prefault('1GB')
      .describe(
        'How much more is kept in a file of the folder for temporary files. 0B: none. A request with a larger body is refused (413).',
      ),
  })
  .describe('Reads the whole body of each request before a server gets it, so that slow uploads hold no server.')
