import type { Label } from '../label-mistakes.ts'

/** What labels say of one router, service or middleware: each label by the rest of its key, in lower case. */
export type Fields = ReadonlyMap<string, Label>
