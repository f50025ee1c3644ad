import { z } from 'zod'

/** The path of a file that the configuration names. A relative one is relative to the configuration file. */
export const FilePath = z.string('the path of a file').min(1, 'the path of a file')
