import { readFileSync } from 'node:fs'
import { packageFile } from './program-files.ts'

/** What package.json says of the program. */
export const { version, description } = JSON.parse(readFileSync(packageFile, 'utf8')) as {
  readonly version: string
  readonly description: string
}
