/** The two ends of a path are opened at the same time: each asks brokers, and neither needs the other. */

interface End {
  close(): Promise<void>
}

/** When one cannot be opened, the other is closed, and the error is the sink's if there are two. */
export async function openEnds<Sink extends End, Source extends End>(ends: {
  readonly sink: () => Promise<Sink>
  readonly source: () => Promise<Source>
}): Promise<{ readonly sink: Sink; readonly source: Source }> {
  const [sink, source] = await Promise.allSettled([ends.sink(), ends.source()])
  if (sink.status === 'fulfilled' && source.status === 'fulfilled') return { sink: sink.value, source: source.value }
  if (source.status === 'fulfilled') await source.value.close()
  if (sink.status === 'rejected') throw sink.reason
  await sink.value.close()
  throw (source as PromiseRejectedResult).reason
}
