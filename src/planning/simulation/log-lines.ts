/** Longer lines are cut, and then are no lines of an access log. */
const LONGEST = 64 * 1024

/** The lines of a stream, many at a time, with one character for each byte; the last one may lack its line feed. */
export async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string[]> {
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop()!
    // What exceeds the limit is dropped now, so that a file without line feeds takes no memory.
    if (rest.length > LONGEST) rest = rest.slice(0, LONGEST)
    yield lines
  }
  if (rest !== '') yield [rest]
}
