import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** Computes, allocates, waits for a lock and parks; its recording is test data. */
public final class Small {
  private static List<byte[]> kept = new ArrayList<>();
  private static volatile int sink;

  static int count(int n) {
    int sum = 0;
    for (int i = 0; i < n; i++) {
      sum += Integer.bitCount(i) ^ sum;
    }
    return sum;
  }

  static void compute(long ms) {
    long end = System.nanoTime() + ms * 1_000_000;
    while (System.nanoTime() < end) {
      sink += count(100_000);
    }
  }

  static synchronized void hold() throws InterruptedException {
    Thread.sleep(60);
  }

  static void park() {
    long end = System.nanoTime() + 50_000_000;
    while (System.nanoTime() < end) {
      LockSupport.parkNanos(50_000_000);
    }
  }

  static void allocate() {
    for (int i = 0; i < 16; i++) {
      kept.add(new byte[4 << 20]);
    }
  }

  public static void main(String[] arguments) throws Exception {
    Thread other = new Thread(() -> {
      try {
        hold();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    });
    synchronized (Small.class) {
      other.start();
      Thread.sleep(40);
    }
    other.join();
    park();
    allocate();
    compute(1000);
    if (kept.size() + sink == 0) {
      System.exit(1);
    }
  }
}
