import { z } from 'zod'
import { boundedSize } from '../field.ts'

export const BufferResponseFilter = z
  .strictObject({
    memory: boundedSize(0, 1_000_000_000)
      .prefault('1MB')
      .describe('How much of each answer is kept in memory while its client does not take it.'),
    disk: boundedSize(0, 1_000_000_000_000)
      .prefault('1GB')
      .describe('How much more is kept in a file of the folder for temporary files. 0B: none; the server waits then.'),
  })
  .describe('Takes answers from servers as fast as these send them, so that a slow client holds no server.')
