import type { FileContent } from '../../certificates/file-content.ts'
import { UnusableFile } from '../../certificates/unusable-file.ts'
import type { PageFile } from '../../runtime/page-file.ts'

/** In bytes. */
const LARGEST = 1024 * 1024

/**
 * Reads a page for clients.
 *
 * @throws UnusableFile if it is too large; an empty file cannot be used either, since it may be about to be written
 */
export function readPageFile({ path, bytes }: FileContent): PageFile {
  if (bytes.length > LARGEST)
    throw new UnusableFile(
      path,
      `expected at most ${LARGEST} bytes, found ${bytes.length}`,
      'have a server of its own serve it',
    )
  if (bytes.length === 0) throw new UnusableFile(path, 'expected a page, found an empty file')
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  return { name: path, bytes: shared }
}
