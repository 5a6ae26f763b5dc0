package dev.signoff.langchain4j;

import java.lang.reflect.Method;
import java.util.Arrays;

/**
 * Catches what a method would be called with. LangChain4j calls methods by reflection, with as many
 * arguments as the tool has, so there is a method for each number of them.
 */
final class Caught {
  private static final int MAX = 16;

  private Object[] arguments;

  Object[] arguments() {
    return arguments;
  }

  /**
   * The method that catches the arguments of another.
   *
   * @throws IllegalArgumentException if it has too many
   */
  static Method method(Method tool) {
    int count = tool.getParameterCount();
    if (count > MAX) {
      throw new IllegalArgumentException(
          "tool method %s has %d parameters, of %d at most: take a record in their place"
              .formatted(tool.getName(), count, MAX));
    }
    Class<?>[] types = new Class<?>[count];
    Arrays.fill(types, Object.class);
    try {
      Method method = Caught.class.getDeclaredMethod("call", types);
      method.setAccessible(true);
      return method;
    } catch (NoSuchMethodException e) {
      throw new AssertionError(e);
    }
  }

  private void keep(Object... given) {
    arguments = given;
  }

  void call() {
    keep();
  }

  void call(Object a) {
    keep(new Object[] {a});
  }

  void call(Object a, Object b) {
    keep(a, b);
  }

  void call(Object a, Object b, Object c) {
    keep(a, b, c);
  }

  void call(Object a, Object b, Object c, Object d) {
    keep(a, b, c, d);
  }

  void call(Object a, Object b, Object c, Object d, Object e) {
    keep(a, b, c, d, e);
  }

  void call(Object a, Object b, Object c, Object d, Object e, Object f) {
    keep(a, b, c, d, e, f);
  }

  void call(Object a, Object b, Object c, Object d, Object e, Object f, Object g) {
    keep(a, b, c, d, e, f, g);
  }

  void call(Object a, Object b, Object c, Object d, Object e, Object f, Object g, Object h) {
    keep(a, b, c, d, e, f, g, h);
  }

  void call(
      Object a, Object b, Object c, Object d, Object e, Object f, Object g, Object h, Object i) {
    keep(a, b, c, d, e, f, g, h, i);
  }

  void call(
      Object a,
      Object b,
      Object c,
      Object d,
      Object e,
      Object f,
      Object g,
      Object h,
      Object i,
      Object j) {
    keep(a, b, c, d, e, f, g, h, i, j);
  }

  void call(
      Object a,
      Object b,
      Object c,
      Object d,
      Object e,
      Object f,
      Object g,
      Object h,
      Object i,
      Object j,
      Object k) {
    keep(a, b, c, d, e, f, g, h, i, j, k);
  }

  void call(
      Object a,
      Object b,
      Object c,
      Object d,
      Object e,
      Object f,
      Object g,
      Object h,
      Object i,
      Object j,
      Object k,
      Object l) {
    keep(a, b, c, d, e, f, g, h, i, j, k, l);
  }

  void call(
      Object a,
      Object b,
      Object c,
      Object d,
      Object e,
      Object f,
      Object g,
      Object h,
      Object i,
      Object j,
      Object k,
      Object l,
      Object m) {
    keep(a, b, c, d, e, f, g, h, i, j, k, l, m);
  }

  void call(
      Object a,
      Object b,
      Object c,
      Object d,
      Object e,
      Object f,
      Object g,
      Object h,
      Object i,
      Object j,
      Object k,
      Object l,
      Object m,
      Object n) {
    keep(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
  }

  void call(
      Object a,
      Object b,
      Object c,
      Object d,
      Object e,
      Object f,
      Object g,
      Object h,
      Object i,
      Object j,
      Object k,
      Object l,
      Object m,
      Object n,
      Object o) {
    keep(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
  }

  void call(
      Object a,
      Object b,
      Object c,
      Object d,
      Object e,
      Object f,
      Object g,
      Object h,
      Object i,
      Object j,
      Object k,
      Object l,
      Object m,
      Object n,
      Object o,
      Object p) {
    keep(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
  }
}
