import { z } from 'zod'
import { everySource } from './every-source.ts'

/** A list of servers in a file, or in the files of a folder. */
export const FileSource = z.strictObject({
  from: z.literal('file').describe('A list in a file, or in the files of a folder.'),
  path: z.string('the path of a file').min(1, 'the path of a file').describe('The file, or the folder.'),
  ...everySource,
})

export type FileSource = z.output<typeof FileSource>
